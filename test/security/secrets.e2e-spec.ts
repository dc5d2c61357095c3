import { DataSource } from 'typeorm';
import { NotificationStore } from '../../src/delivery/notification-store.js';
import type { TwilioWhatsappModuleOptions } from '../../src/index.js';
import {
  ACCOUNT_SID,
  API_KEY,
  API_SECRET,
  ENCRYPTION_KEY,
  fictionalNumber,
  OTHER_ACCOUNT_SID,
  SENDER,
  startApplication,
  startHost,
  type TestApplication,
  type TestSettings,
} from '../support/application.js';
import { CANARY_TOKEN, OTHER_CANARY_TOKEN, SECRET_FORMS } from '../support/canary.js';
import { DATABASES, describeOn } from '../support/databases.js';
import { filesOf, occurrences, tablesOf } from '../support/dump.js';
import { eventually } from '../support/eventually.js';

const NEW_KEY = Buffer.alloc(32, 9).toString('base64');
const MANY = 20;
const REQUEST = { 'X-ENGAGESPOT-API-KEY': API_KEY, 'X-ENGAGESPOT-API-SECRET': API_SECRET };

const ACCOUNTS = [
  { accountSid: ACCOUNT_SID, authToken: CANARY_TOKEN },
  { accountSid: OTHER_ACCOUNT_SID, authToken: OTHER_CANARY_TOKEN },
];
const [OWN, OTHER] = ACCOUNTS.map(({ accountSid, authToken }) => ({
  TWILIO_ACCOUNT_SID: accountSid,
  TWILIO_AUTH_TOKEN: authToken,
  TWILIO_FROM_NUMBER: SENDER,
}));

const settings: TestSettings = {
  options: { provider: OWN, delivery: { requestTimeoutMs: 300 } },
  simulator: { accounts: ACCOUNTS },
};

for (const { name, url } of DATABASES) {
  describeOn(url)(`secrets at rest on ${name}`, () => {
    let t: TestApplication;
    let numbers = 0;

    beforeAll(async () => {
      t = await startApplication({ ...settings, database: url });
      for (let index = 0; index < MANY; index++) {
        await t
          .api()
          .post('/v3/provider-instances')
          .send({ name: `instance-${index}`, config: OTHER })
          .expect(201);
      }
    });
    afterAll(() => t.stop());

    /** A message that brings its own credentials and waits. */
    async function scheduled(host: { url: string } = t) {
      const phoneNumber = fictionalNumber(numbers++);
      t.simulator.script(phoneNumber, {});
      const answer = await fetch(`${host.url}/v3/notifications`, {
        method: 'POST',
        headers: { ...REQUEST, 'Content-Type': 'application/json' },
        body: JSON.stringify({
          notification: { title: 'Hello' },
          sendTo: { recipients: [{ identifier: `user-${numbers}`, phoneNumber }] },
          sendAt: '2099-01-01T00:00:00Z',
          override: { twilio_whatsapp: { _config: OTHER } },
        }),
      });
      expect(answer.status).toBe(202);
      const { requestId } = (await answer.json()) as { requestId: string };
      return { requestId, recipient: `user-${numbers}`, phoneNumber };
    }

    const sql = async (...statements: string[]) => {
      const dataSource = await new DataSource(t.database.options).initialize();
      for (const statement of statements) await dataSource.query(statement);
      await dataSource.destroy();
    };
    const bootWith = (options: Partial<TwilioWhatsappModuleOptions>) =>
      startHost(t.database.options, t.simulator.url, {
        options: { ...settings.options, ...options },
      });
    /** The message, once a worker has found that it cannot read what it is sent with. */
    const kept = (requestId: string, recipient: string) =>
      eventually(
        () => t.settled(requestId, recipient, 'queued'),
        ({ reason }) => reason === 'unreadable',
      );
    const due = (requestId: string) =>
      `UPDATE twilio_whatsapp_message SET due_at = 1 WHERE request_id = '${requestId}'`;

    it('hold no form of a token in any row or file', async () => {
      await t
        .api()
        .post('/v3/provider-instances')
        .send({
          name: 'with-all-secrets',
          config: {
            ...OTHER,
            TWILIO_SECONDARY_AUTH_TOKEN: CANARY_TOKEN,
            TWILIO_API_KEY_SID: `SK${'f'.repeat(32)}`,
            TWILIO_API_KEY_SECRET: CANARY_TOKEN,
          },
        })
        .expect(201);
      const { requestId, recipient } = await scheduled();
      await sql(due(requestId));
      await t.settled(requestId, recipient, 'seen');
      await scheduled();
      const tables = await tablesOf(t.database.options);
      expect(tables.twilio_whatsapp_provider_instance).toHaveLength(MANY + 2);
      expect(tables.twilio_whatsapp_notification).toHaveLength(2);
      const text = JSON.stringify(tables) + filesOf(t.database.options);
      // What is there can be seen.
      expect(text).toContain(OTHER_ACCOUNT_SID);
      for (const form of SECRET_FORMS) expect(occurrences(text, form)).toBe(0);
    });

    it('open in their own row only: nothing is sent with what was moved', async () => {
      // A process that ends, and takes along what it has in memory.
      const first = await bootWith({});
      const [one, other] = [await scheduled(first), await scheduled(first)];
      await first.app.close();
      const { twilio_whatsapp_notification: rows } = (await tablesOf(t.database.options)) as Record<
        string,
        Record<string, string>[]
      >;
      const sealed = (id: string) => rows.find((row) => row.id === id)!.credentials;
      const move = (from: string, to: string) =>
        `UPDATE twilio_whatsapp_notification SET credentials = '${sealed(from)}' WHERE id = '${to}'`;
      await sql(move(one.requestId, other.requestId), move(other.requestId, one.requestId));
      await sql(due(one.requestId), due(other.requestId));
      for (const { requestId, recipient, phoneNumber } of [one, other]) {
        const message = await kept(requestId, recipient);
        expect(message.explanation).toContain('encryptionKeys');
        expect(t.simulator.messagesTo(phoneNumber)).toEqual([]);
      }
    });

    it('lose no read when keys are rotated', async () => {
      const waiting = [];
      for (let index = 0; index < MANY; index++) waiting.push(await scheduled());
      const host = await bootWith({ encryptionKeys: [NEW_KEY, ENCRYPTION_KEY] });
      const get = async (path: string) =>
        (await (await fetch(`${host.url}/v3/${path}`, { headers: REQUEST })).json()) as {
          items: { config: Record<string, string> }[];
        };
      const { items } = await get('provider-instances');
      expect(items).toHaveLength(MANY + 2);
      for (const { config: shown } of items) {
        const own = shown.TWILIO_ACCOUNT_SID === ACCOUNT_SID;
        const token = own ? CANARY_TOKEN : OTHER_CANARY_TOKEN;
        expect(shown.TWILIO_AUTH_TOKEN).toBe(`••••${token.slice(-4)}`);
      }
      const store = host.app.get(NotificationStore, { strict: false });
      for (const { requestId } of waiting) {
        const { body } = await t.api().get(`/v3/messages?requestId=${requestId}`);
        expect(await store.credentialsOf(String(body.items[0].id))).toEqual(ACCOUNTS[1]);
      }
      await sql(...waiting.map(({ requestId }) => due(requestId)));
      for (const { requestId, recipient, phoneNumber } of waiting) {
        await t.settled(requestId, recipient, 'seen');
        expect(t.simulator.messagesTo(phoneNumber)).toHaveLength(1);
      }
      await host.app.close();
    });

    it.each([
      ['a key that is not there', { encryptionKeys: [NEW_KEY] }, []],
      [
        'a secret that was moved',
        {},
        [
          `UPDATE twilio_whatsapp_provider_instance SET auth_token = '@1' WHERE name = 'instance-0'`,
          `UPDATE twilio_whatsapp_provider_instance SET auth_token = '@0' WHERE name = 'instance-1'`,
        ],
      ],
      [
        'a secret that was changed',
        {},
        [
          `UPDATE twilio_whatsapp_provider_instance SET auth_token = '@0x' WHERE name = 'instance-0'`,
        ],
      ],
    ])('keep the application from booting with %s', async (_case, options, statements) => {
      const { twilio_whatsapp_provider_instance: rows } = (await tablesOf(
        t.database.options,
      )) as Record<string, Record<string, string>[]>;
      const token = (index: string) =>
        rows.find((row) => row.name === `instance-${index}`)!.auth_token;
      const restore = ['0', '1'].map(
        (index) =>
          `UPDATE twilio_whatsapp_provider_instance SET auth_token = '${token(index)}' WHERE name = 'instance-${index}'`,
      );
      await sql(
        ...statements.map((statement) =>
          statement
            .replace(/@(\d)x/, (_all, index: string) => flipped(token(index)))
            .replace(/@(\d)/, (_all, index: string) => token(index)),
        ),
      );
      const failure: unknown = await bootWith(options).catch((error: unknown) => error);
      await sql(...restore);
      expect(failure).toHaveProperty('stack');
      for (const form of SECRET_FORMS) expect(String((failure as Error).stack)).not.toContain(form);
      const host = await bootWith({});
      await host.app.close();
    });
  });
}

/** The sealed secret with one bit of its ciphertext changed. */
function flipped(sealed: string): string {
  const parts = sealed.split('.');
  const bytes = Buffer.from(parts[4], 'base64url');
  bytes[3] ^= 4;
  return parts.with(4, bytes.toString('base64url')).join('.');
}
