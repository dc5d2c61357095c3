import { Agent } from 'undici';
import { DataSource } from 'typeorm';
import {
  AUTH_TOKEN,
  OTHER_ACCOUNT_SID,
  OTHER_AUTH_TOKEN,
  OTHER_SENDER,
  PROVIDER,
  startApplication,
  startHost,
  type TestApplication,
} from '../support/application.js';
import { CallbackClient, fields, sign, type SentMessage } from '../support/callback-forms.js';
import { whenClockIsAhead } from '../support/clock.js';
import { eventually, SpoolFiles } from '../support/spool-files.js';

const MAX_FILES = 320;
const SHARE = MAX_FILES / 16;
const CONNECTIONS = 50;
const NEW_TOKEN = 'not-a-real-auth-token-0003';

/** How many answers had which status. */
type Answers = Record<number, number>;

describe('a flood of requests that Twilio did not sign, while the database is down', () => {
  let spool: SpoolFiles;
  let t: TestApplication;
  let twilio: CallbackClient;
  let agent: Agent;

  beforeEach(async () => {
    spool = new SpoolFiles();
    t = await startApplication({
      options: { spool: { directory: spool.directory, maxFiles: MAX_FILES } },
    });
    twilio = new CallbackClient(t);
    agent = new Agent({ connections: CONNECTIONS });
  });
  afterEach(async () => {
    await agent.close();
    await t.stop();
    spool.remove();
  });

  const loseDatabase = () => t.app.get(DataSource, { strict: false }).destroy();
  const unverified = () => spool.names('.unverified.spool');

  async function post(url: string, form: Record<string, string>, signature?: string) {
    const { origin, pathname } = new URL(url);
    const { statusCode, body } = await agent.request({
      origin,
      path: pathname,
      method: 'POST',
      headers: {
        'Content-Type': 'application/x-www-form-urlencoded',
        ...(signature !== undefined && { 'X-Twilio-Signature': signature }),
      },
      body: new URLSearchParams(form).toString(),
    });
    await body.dump();
    return statusCode;
  }

  /** Sends so many requests at once, on fifty connections. */
  async function flood(count: number, request: (index: number) => Promise<number>) {
    const answers: Answers = {};
    const indexes = Array.from({ length: count }).keys();
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        for (const index of indexes) {
          const status = await request(index);
          answers[status] = (answers[status] ?? 0) + 1;
        }
      }),
    );
    return answers;
  }

  const forge = ({ url, sid }: SentMessage, index: number) => {
    const form = fields(sid, 'delivered', { ErrorMessage: `forgery ${index}` });
    return post(url, form, sign(url, form, 'not-the-auth-token-of-anybody'));
  };

  it('leaves room for what Twilio did sign, and that is stored afterwards', async () => {
    const messages = await twilio.sentMessages(20);
    const [known] = messages;
    const own = await twilio.sentMessage({
      _config: {
        TWILIO_ACCOUNT_SID: OTHER_ACCOUNT_SID,
        TWILIO_AUTH_TOKEN: OTHER_AUTH_TOKEN,
        TWILIO_FROM_NUMBER: OTHER_SENDER,
      },
    });
    const rotated = await twilio.sentMessage();
    await loseDatabase();

    const form = fields(known.sid, 'read');
    for (const signature of [undefined, '', 'short', `${'x'.repeat(27)}!`]) {
      expect(await flood(150, () => post(known.url, form, signature))).toEqual({ 403: 150 });
    }
    expect(spool.names()).toEqual([]);

    expect(await flood(1200, (index) => forge(known, index))).toEqual({ 204: 4, 503: 1196 });
    const others = messages.slice(1, 11);
    expect(await flood(1200, (index) => forge(others[index % 10], index))).toEqual({
      204: 40,
      503: 1160,
    });
    expect(unverified().length).toBeLessThanOrEqual(SHARE);

    // Each brings a file of its own, for it comes alone; a callback that was seen is sent again and again.
    await whenClockIsAhead(60_000, async () => {
      for (const { url, sid } of messages) {
        for (const status of ['delivered', 'read']) {
          expect(await post(url, fields(sid, status), sign(url, fields(sid, status)))).toBe(204);
        }
      }
      const files = spool.names().length;
      expect(await flood(200, () => post(known.url, form, sign(known.url, form)))).toEqual({
        204: 200,
      });
      expect(spool.names()).toHaveLength(files);
    });
    // Of these two the tokens are not the instance's: the one is in memory, the other nobody has heard of yet.
    const ownForm = fields(own.sid, 'read', { AccountSid: OTHER_ACCOUNT_SID });
    const before = unverified().length;
    expect(await post(own.url, ownForm, sign(own.url, ownForm, OTHER_AUTH_TOKEN))).toBe(204);
    expect(unverified()).toHaveLength(before);
    const rotatedForm = fields(rotated.sid, 'read');
    const signature = sign(rotated.url, rotatedForm, NEW_TOKEN);
    expect(await post(rotated.url, rotatedForm, signature)).toBe(204);
    expect(unverified()).toHaveLength(before + 1);
    await t.app.close();

    const next = await startHost(t.database.options, t.simulator.url, {
      options: {
        spool: { directory: spool.directory },
        publicUrl: t.url,
        provider: {
          ...PROVIDER,
          TWILIO_AUTH_TOKEN: NEW_TOKEN,
          TWILIO_SECONDARY_AUTH_TOKEN: AUTH_TOKEN,
        },
      },
    });
    await eventually(() => expect(spool.names()).toEqual([]));
    const dataSource = next.app.get(DataSource, { strict: false });
    expect(await dataSource.query('SELECT DISTINCT status FROM twilio_whatsapp_message')).toEqual([
      { status: 'seen' },
    ]);
    await next.app.close();
  });

  it('makes few files, however many URLs it knows', async () => {
    const messages = await twilio.sentMessages(200);
    await loseDatabase();
    const answers: Answers = {};
    // One after the other, so that each could make a file.
    for (const [index, message] of messages.entries()) {
      const status = await forge(message, index);
      answers[status] = (answers[status] ?? 0) + 1;
    }
    // What is written while the directory is measured may count twice for a moment.
    expect(unverified().length).toBeLessThanOrEqual(SHARE);
    expect(unverified().length).toBeGreaterThan(SHARE / 2);
    expect(answers).toEqual({ 204: unverified().length, 503: 200 - unverified().length });
    const { url, sid } = messages[0];
    expect(await post(url, fields(sid, 'read'), sign(url, fields(sid, 'read')))).toBe(204);
  });

  it('has nothing kept that says nothing, or can be read in two ways', async () => {
    const { url, sid } = await twilio.sentMessage();
    await loseDatabase();
    const genuine = fields(sid, 'undelivered', { ErrorCode: '63016' });
    const received = { SmsStatus: 'received', Body: 'hi', AccountSid: PROVIDER.TWILIO_ACCOUNT_SID };
    const { MessageStatus: _status, ...without } = genuine;
    const cut = { ...without, MessageStatusun: 'delivered' };
    for (const form of [received, cut]) {
      for (const signature of [sign(url, form), sign(url, genuine), sign(url, form, NEW_TOKEN)]) {
        expect(await post(url, form, signature)).toBe(403);
      }
    }
    expect(spool.names()).toEqual([]);
  });
});
