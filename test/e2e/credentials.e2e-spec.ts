import { readFileSync } from 'node:fs';
import { DataSource } from 'typeorm';
import {
  ACCOUNT_SID,
  AUTH_TOKEN,
  OTHER_ACCOUNT_SID,
  OTHER_AUTH_TOKEN,
  PLATFORMS,
  PROVIDER,
  SENDER,
  startApplication,
  startHost,
  type TestApplication,
} from '../support/application.js';
import { whenClockIsAhead } from '../support/clock.js';
import { CallbackClient, fields, sign, type SentMessage } from '../support/callback-forms.js';
import { eventually } from '../support/eventually.js';

const KEY = { sid: `SK${'c'.repeat(32)}`, secret: 'not-a-real-api-key-secret-0001' };
const API_KEY = { TWILIO_API_KEY_SID: KEY.sid, TWILIO_API_KEY_SECRET: KEY.secret };
const NEXT_TOKEN = 'not-a-real-auth-token-0003';
const LAST_TOKEN = 'not-a-real-auth-token-0004';

describe.each(PLATFORMS)('credentials on %s', (platform) => {
  let t: TestApplication;
  let twilio: CallbackClient;
  let instances: string;
  let path: string;

  beforeEach(async () => {
    t = await startApplication({
      platform,
      simulator: {
        accounts: [
          { accountSid: ACCOUNT_SID, authToken: AUTH_TOKEN, apiKeys: [KEY], senders: [SENDER] },
          { accountSid: OTHER_ACCOUNT_SID, authToken: OTHER_AUTH_TOKEN },
        ],
      },
    });
    twilio = new CallbackClient(t);
    instances = '/v3/provider-instances';
    const { body } = await t.api().get(instances).expect(200);
    path = `${instances}/${body.items[0].id}`;
  });
  afterEach(() => t.stop());

  const patch = async (config: object) => {
    const { body } = await t.api().patch(path).send({ config }).expect(200);
    return body.config as Record<string, string>;
  };
  const report = ({ url, sid }: SentMessage, status: string, token: string) =>
    twilio.post(url, fields(sid, status), sign(url, fields(sid, status), token));

  describe('while tokens are rotated', () => {
    it('callbacks with the token before are understood until it is dropped', async () => {
      const message = await twilio.sentMessage();
      expect(await patch({ TWILIO_AUTH_TOKEN: NEXT_TOKEN })).toEqual({
        ...PROVIDER,
        TWILIO_AUTH_TOKEN: '••••0003',
        TWILIO_SECONDARY_AUTH_TOKEN: '••••0001',
      });
      await report(message, 'sent', AUTH_TOKEN).expect(204);
      await report(message, 'delivered', NEXT_TOKEN).expect(204);
      expect(await patch({ TWILIO_SECONDARY_AUTH_TOKEN: null })).not.toHaveProperty(
        'TWILIO_SECONDARY_AUTH_TOKEN',
      );
      await report(message, 'read', AUTH_TOKEN).expect(403);
      expect((await twilio.detail(message.id)).status).toBe('delivered');
    });

    it('the token to come can be announced, so that promoting it at Twilio loses nothing', async () => {
      const message = await twilio.sentMessage();
      await report(message, 'sent', NEXT_TOKEN).expect(403);
      await patch({ TWILIO_SECONDARY_AUTH_TOKEN: NEXT_TOKEN });
      await report(message, 'sent', AUTH_TOKEN).expect(204);
      await report(message, 'delivered', NEXT_TOKEN).expect(204);
      await patch({ TWILIO_AUTH_TOKEN: NEXT_TOKEN });
      await report(message, 'failed', AUTH_TOKEN).expect(204);
      await report(message, 'read', NEXT_TOKEN).expect(204);
      expect((await twilio.detail(message.id)).status).toBe('seen');
    });

    it('the last two count, and no other', async () => {
      const message = await twilio.sentMessage();
      await patch({ TWILIO_AUTH_TOKEN: NEXT_TOKEN });
      await patch({ TWILIO_AUTH_TOKEN: LAST_TOKEN });
      await report(message, 'read', AUTH_TOKEN).expect(403);
      await report(message, 'read', NEXT_TOKEN).expect(204);
    });

    it('a process that boots with another token keeps the one before', async () => {
      const message = await twilio.sentMessage();
      const { app } = await startHost(t.database.options, t.simulator.url, {
        options: { provider: { ...PROVIDER, TWILIO_AUTH_TOKEN: NEXT_TOKEN } },
      });
      await app.close();
      await report(message, 'delivered', NEXT_TOKEN).expect(204);
      await report(message, 'read', AUTH_TOKEN).expect(204);
      expect((await twilio.detail(message.id)).status).toBe('seen');
    });

    it('callbacks on the URL of the instance are understood, too', async () => {
      const { sid, id, instance } = await twilio.sentMessage();
      await patch({ TWILIO_AUTH_TOKEN: NEXT_TOKEN });
      const url = `${t.url}/v3/callbacks/twilio_whatsapp/${instance}`;
      await report({ sid, url } as SentMessage, 'read', AUTH_TOKEN).expect(204);
      expect((await twilio.detail(id)).status).toBe('seen');
    });

    it('every node knows of it within a second, also on the URL of the instance', async () => {
      const { sid, id, instance } = await twilio.sentMessage();
      const url = `${t.url}/v3/callbacks/twilio_whatsapp/${instance}`;
      const { app } = await startHost(t.database.options, t.simulator.url, {
        platform,
        options: { publicUrl: t.url },
      });
      const there = new CallbackClient({ ...t, app });
      await there.post(url, fields(sid, 'sent')).expect(204);
      await patch({ TWILIO_AUTH_TOKEN: NEXT_TOKEN });
      const form = fields(sid, 'read');
      await whenClockIsAhead(1000, () =>
        there
          .post(url, form, sign(url, form, NEXT_TOKEN))
          .expect(204)
          .then(),
      );
      expect((await twilio.detail(id)).status).toBe('seen');
      await app.close();
    });
  });

  describe('an API key', () => {
    it('sends, while the auth token signs', async () => {
      // A token that Twilio would not take for a request: the key is what is used.
      const config = await patch({ ...API_KEY, TWILIO_AUTH_TOKEN: NEXT_TOKEN });
      expect(config).toMatchObject({
        TWILIO_API_KEY_SID: KEY.sid,
        TWILIO_API_KEY_SECRET: '••••0001',
      });
      const message = await twilio.sentMessage();
      expect(t.simulator.messages.get(message.sid)?.accountSid).toBe(ACCOUNT_SID);
      await report(message, 'read', KEY.secret).expect(403);
      await report(message, 'delivered', NEXT_TOKEN).expect(204);
      const { body: check } = await t.api().post(`${path}/check`).expect(200);
      expect(check).toMatchObject({ ok: true });
    });

    it('is named by the check when it is wrong', async () => {
      await patch({ ...API_KEY, TWILIO_API_KEY_SECRET: 'not-the-secret-of-that-key' });
      const { body: check } = await t.api().post(`${path}/check`).expect(200);
      expect(check).toMatchObject({
        ok: false,
        credentials: { ok: false, explanation: expect.stringContaining('TWILIO_API_KEY_SECRET') },
      });
    });

    it('that is wrong is held against the instance, until it is taken away', async () => {
      await patch({ ...API_KEY, TWILIO_API_KEY_SECRET: 'not-the-secret-of-that-key' });
      const { body } = await t
        .api()
        .post('/v3/notifications')
        .send({
          notification: { title: 'Hello' },
          sendTo: { recipients: [{ identifier: 'patient', phoneNumber: '+12015550101' }] },
        })
        .expect(202);
      const waiting = async () => {
        const { body: list } = await t.api().get(`/v3/messages?requestId=${body.requestId}`);
        return list.items[0] as Record<string, unknown>;
      };
      await eventually(waiting, ({ reason }) => reason === 'credentials_invalid');
      await patch({ TWILIO_API_KEY_SID: null });
      const { config } = (await t.api().get(path).expect(200)).body;
      expect(Object.keys(config).toSorted()).toEqual(Object.keys(PROVIDER).toSorted());
      await twilio.sentMessage();
    });

    it('may come along with a request, sealed', async () => {
      const own = await twilio.sentMessage({ _config: API_KEY });
      await report(own, 'read', AUTH_TOKEN).expect(204);
      expect((await twilio.detail(own.id)).status).toBe('seen');

      const stored = JSON.stringify(
        await t.app
          .get(DataSource, { strict: false })
          .query('SELECT * FROM twilio_whatsapp_notification'),
      );
      expect(stored).not.toContain(KEY.secret);
      const { text } = await t.api().get(`/v3/messages/${own.id}`);
      expect(text).not.toContain(KEY.sid);
    });

    it.each([
      ['alone', { TWILIO_API_KEY_SID: KEY.sid }, 'go together'],
      ['badly written', { ...API_KEY, TWILIO_API_KEY_SID: 'SK1' }, 'must be SK and 32'],
      [
        'for another account without its token',
        { ...API_KEY, TWILIO_ACCOUNT_SID: OTHER_ACCOUNT_SID },
        'pass its TWILIO_AUTH_TOKEN too',
      ],
      ['beside a secondary token', { TWILIO_SECONDARY_AUTH_TOKEN: NEXT_TOKEN }, 'is unknown'],
    ])('is refused %s', async (_case, _config, message) => {
      const { body, text } = await t
        .api()
        .post('/v3/notifications')
        .send({
          notification: { title: 'Hello' },
          sendTo: { recipients: ['nobody'] },
          override: { twilio_whatsapp: { _config } },
        })
        .expect(400);
      expect(body.message.join()).toContain(message);
      expect(text).not.toContain(KEY.secret);
    });
  });

  it('are sealed at rest, every one of them', async () => {
    await patch({ ...API_KEY, TWILIO_SECONDARY_AUTH_TOKEN: NEXT_TOKEN });
    await t.app.get(DataSource, { strict: false }).query('PRAGMA wal_checkpoint(TRUNCATE)');
    const file = readFileSync(t.database.url.replace('sqlite://', ''));
    expect(file.includes(KEY.sid)).toBe(true);
    for (const secret of [AUTH_TOKEN, NEXT_TOKEN, KEY.secret]) {
      for (const form of [secret, Buffer.from(secret).toString('base64')]) {
        expect(file.includes(form)).toBe(false);
      }
    }
  });
});
