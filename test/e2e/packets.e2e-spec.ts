import { Database } from '../../src/database/database.js';
import { GroupCommit } from '../../src/database/group-commit.js';
import { escapedBytes } from '../../src/database/json-batches.js';
import { query } from '../../src/database/transaction.js';
import { RequestTooLargeError, TwilioWhatsappSender } from '../../src/index.js';
import {
  API_KEY,
  API_SECRET,
  startApplication,
  type TestApplication,
} from '../support/application.js';
import { DATABASES, describeOn } from '../support/databases.js';

const MIB = 1024 * 1024;
/** Messages are not sent: nothing here is about that. */
const sendAt = new Date(Date.now() + 3_600_000).toISOString();
const notification = { title: 'Hello' };
const [, , { url: mariadb }] = DATABASES;

describeOn(mariadb)('what is accepted on MariaDB', () => {
  let t: TestApplication;
  let database: Database;
  let sender: TwilioWhatsappSender;
  let limit: number;
  /** Bytes of the largest statement. */
  let largest = 0;

  beforeAll(async () => {
    t = await startApplication({ database: mariadb });
    database = t.app.get(Database, { strict: false });
    sender = t.app.get(TwilioWhatsappSender, { strict: false });
    limit = database.packet.maxBytes;
    database.dataSource.subscribers.push({
      beforeQuery({ query: sql, parameters = [] }) {
        const bytes = (parameters as unknown[]).map((each) => escapedBytes(String(each)));
        largest = Math.max(largest, sql.length + bytes.reduce((sum, each) => sum + each, 0));
      },
    });
  });
  afterEach(() => {
    database.packet.maxBytes = limit;
  });
  afterAll(() => t.stop());

  const post = async (body: object): Promise<{ status: number; text: string }> => {
    const response = await fetch(`${t.url}/v3/notifications`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'X-ENGAGESPOT-API-KEY': API_KEY,
        'X-ENGAGESPOT-API-SECRET': API_SECRET,
      },
      body: JSON.stringify({ notification, sendAt, ...body }),
    });
    return { status: response.status, text: await response.text() };
  };
  const storedProfiles = async (prefix: string) =>
    new Map(
      (
        await database.query<{ identifier: string; profile: string }>(
          'SELECT identifier, profile FROM twilio_whatsapp_user WHERE identifier LIKE ?',
          `${prefix}%`,
        )
      ).map(({ identifier, profile }) => [identifier, JSON.parse(profile) as object]),
    );

  it('may be thousands of users with profiles full of quotes', async () => {
    const recipients = Array.from({ length: 2600 }, (_, index) => ({
      identifier: `quoted-${index}`,
      phoneNumber: '+12025550101',
      note: '"'.repeat(850),
    }));
    expect(await post({ sendTo: { recipients } })).toMatchObject({ status: 202 });
    const stored = await storedProfiles('quoted-');
    expect(stored.size).toBe(2600);
    expect(stored.get('quoted-2599')).toEqual({
      phoneNumber: '+12025550101',
      note: '"'.repeat(850),
    });
  });

  /** Sent by one caller, so that they share commits. */
  const sendMany = (count: number, dataOf: (index: number) => object | undefined) =>
    Promise.allSettled(
      Array.from({ length: count }, (_, index) =>
        sender.send({
          notification,
          sendAt,
          sendTo: { recipients: ['nobody'] },
          data: dataOf(index) as Record<string, unknown>,
        }),
      ),
    );
  const heavy = { text: '"'.repeat(14_000) };

  it('goes to a server that takes a mebibyte at a time', async () => {
    database.packet.maxBytes = MIB;
    largest = 0;
    const texts = ['"', '\\', '\n', '\u001a', '\u0001', "'", '😀', 'é', '漢', '\ud7ff'];
    const recipients = Array.from({ length: 1300 }, (_, index) => ({
      // As long as they may be, and each another.
      identifier: `${'"'.repeat(245)}${index}`,
      phoneNumber: '+12025550101',
      [texts[index % texts.length]]: texts[index % texts.length].repeat(200),
    }));
    const data = { text: '\\'.repeat((65_535 - '{"text":""}'.length) / 2) };
    expect(await post({ sendTo: { recipients }, data })).toMatchObject({ status: 202 });
    const stored = await storedProfiles('"""');
    expect(recipients.filter(({ identifier }) => !stored.has(identifier))).toEqual([]);
    for (const { identifier, ...profile } of recipients.slice(-texts.length)) {
      expect(stored.get(identifier)).toEqual(profile);
    }
    // Nobody brings a profile along: all are looked up, by several who ask together.
    const identifiers = recipients.map(({ identifier }) => identifier);
    const lookups = await Promise.all(
      Array.from({ length: 3 }, () => post({ sendTo: { recipients: identifiers } })),
    );
    expect(lookups.map(({ status }) => status)).toEqual([202, 202, 202]);
    const [{ missing }] = await database.query<{ missing: string | number }>(
      `SELECT COUNT(*) AS missing FROM twilio_whatsapp_message WHERE recipient LIKE '"""%' AND to_address IS NULL`,
    );
    expect(Number(missing)).toBe(0);
    const answers = await sendMany(40, (index) => (index % 8 > 0 ? heavy : undefined));
    expect(answers.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(largest).toBeLessThanOrEqual(MIB);
  });

  it('fails alone when it alone is too large', async () => {
    database.packet.maxBytes = 128 * 1024;
    const answers = await sendMany(64, (index) => (index % 8 === 0 ? heavy : undefined));
    expect(answers.map(({ status }) => status)).toEqual(
      answers.map((_, index) => (index % 8 === 0 ? 'rejected' : 'fulfilled')),
    );
    expect(answers[0]).toMatchObject({ reason: expect.any(RequestTooLargeError) });
    expect(await post({ sendTo: { recipients: ['nobody'] }, data: heavy })).toEqual({
      status: 413,
      text: expect.stringContaining('max_allowed_packet'),
    });
  });

  it('is split for a server that takes less than it said', async () => {
    const sizes: number[] = [];
    const commits = new GroupCommit(async (texts: string[]) => {
      sizes.push(texts.length);
      await database.transaction(() => query('SELECT LENGTH(?) AS length', texts.join('')));
      return texts;
    });
    const texts = Array.from({ length: 9 }, (_, index) => String(index).repeat(2 * MIB));
    expect(await Promise.all(texts.map((text) => commits.add(text)))).toEqual(texts);
    expect(sizes).toEqual([9, 5, 4]);
    // Alone, it is a refusal.
    await expect(commits.add('x'.repeat(17 * MIB))).rejects.toMatchObject({
      isTooLarge: true,
      isRefusal: true,
    });
  });
});
