import { createHash, createHmac } from 'node:crypto';
import request from 'supertest';
import { Database } from '../../src/database/database.js';
import {
  ACCOUNT_SID,
  AUTH_TOKEN,
  PLATFORMS,
  PROVIDER,
  startApplication,
  type TestApplication,
} from '../support/application.js';
import { CallbackClient, fields, type FormFields } from '../support/callback-forms.js';

const KEY = 'not-a-real-shared-key-0001';
const NEXT_KEY = 'not-a-real-shared-key-0002';
const SETTINGS = 'X-Twilio-Webhooks-Signature-Settings';

/** What is signed, computed from Twilio's description. */
function hmac(algorithm: string, secret: string, url: string, form: FormFields = {}): string {
  const names = Object.keys(form).toSorted();
  const text = names.reduce((all, name) => `${all}${name}${String(form[name])}`, url);
  return createHmac(algorithm, secret).update(text).digest('base64');
}

describe.each(PLATFORMS)('SharedKeys on %s', (platform) => {
  let t: TestApplication;
  let twilio: CallbackClient;
  let path: string;

  beforeAll(async () => {
    t = await startApplication({
      platform,
      options: { provider: { ...PROVIDER, TWILIO_SHARED_KEY: KEY } },
      simulator: {
        accounts: [
          {
            accountSid: ACCOUNT_SID,
            authToken: AUTH_TOKEN,
            sharedKey: { id: 'webhooks_sharedkey_1', secret: KEY },
          },
        ],
      },
    });
    twilio = new CallbackClient(t);
    const { body } = await t.api().get('/v3/provider-instances').expect(200);
    path = `/v3/provider-instances/${body.items[0].id}`;
  });
  afterAll(() => t.stop());

  const patch = async (sharedKey: string | null) => {
    const config = { TWILIO_SHARED_KEY: sharedKey };
    const { body } = await t.api().patch(path).send({ config }).expect(200);
    return body as { config: Record<string, string>; callbackUrl: string };
  };

  it('sign what Twilio reports', async () => {
    const { body } = await t
      .api()
      .post('/v3/notifications')
      .send({
        notification: { title: 'Hello' },
        sendTo: { recipients: [{ identifier: 'ada', phoneNumber: '+447700900100' }] },
      })
      .expect(202);
    await t.settled(body.requestId, 'ada', 'seen');
    expect(t.simulator.callbacks.map(({ httpStatus }) => httpStatus)).toEqual([204, 204, 204]);
  });

  it('sign what comes to the URL of an instance, events among it', async () => {
    const { id, sid, instance } = await twilio.sentMessage();
    const url = `${t.url}/v3/callbacks/twilio_whatsapp/${instance}`;
    const form = fields(sid, 'delivered');
    await twilio.post(url, form, hmac('sha256', KEY, url, form)).expect(204);
    expect((await twilio.detail(id)).status).toBe('delivered');

    const events = JSON.stringify([
      { type: 'com.twilio.messaging.message.read', id: 'EZ1', data: { messageSid: sid } },
    ]);
    const query = `?bodySHA256=${createHash('sha256').update(events).digest('hex')}`;
    await request(t.app.getHttpServer())
      .post(`${new URL(url).pathname}${query}`)
      .set('Content-Type', 'application/json')
      .set('X-Twilio-Signature', hmac('sha256', KEY, url + query))
      .send(events)
      .expect(204);
    expect((await twilio.detail(id)).status).toBe('seen');
  });

  it('leave the auth token what it is: not every URL has a rule', async () => {
    const { id, sid, url } = await twilio.sentMessage();
    await twilio.post(url, fields(sid, 'delivered')).expect(204);
    expect((await twilio.detail(id)).status).toBe('delivered');
  });

  it.each([
    ['the shared key with SHA-1', 'sha1', KEY, 'HMAC_SHA1'],
    ['the shared key with SHA-1, which is called SHA-256', 'sha1', KEY, 'HMAC_SHA256'],
    ['the auth token with SHA-256', 'sha256', AUTH_TOKEN, 'HMAC_SHA256'],
    ['the shared key with another algorithm', 'sha512', KEY, 'HMAC_SHA512'],
    ['another shared key', 'sha256', NEXT_KEY, 'HMAC_SHA256'],
    ['nothing', 'sha256', '', 'NONE'],
  ])('do not let a header choose: %s', async (_case, algorithm, secret, named) => {
    const { id, sid, url } = await twilio.sentMessage();
    const form = fields(sid, 'delivered');
    await twilio
      .post(url, form, hmac(algorithm, secret, url, form))
      .set(SETTINGS, `key=webhooks_sharedkey_1,algorithm=${named}`)
      .expect(403);
    expect((await twilio.detail(id)).status).toBe('sent');
  });

  it.each([undefined, 'key=,algorithm=HMAC_SHA1', 'algorithm=none'])(
    'go by the signature, whatever the header says: %s',
    async (header) => {
      const { id, sid, url } = await twilio.sentMessage();
      const form = fields(sid, 'delivered');
      const post = twilio.post(url, form, hmac('sha256', KEY, url, form));
      await (header === undefined ? post : post.set(SETTINGS, header)).expect(204);
      expect((await twilio.detail(id)).status).toBe('delivered');
    },
  );

  it('are rotated: two are understood, and the one that is dropped no more', async () => {
    const { sid, url } = await twilio.sentMessage();
    const report = (status: string, key: string) => {
      const form = fields(sid, status);
      return twilio.post(url, form, hmac('sha256', key, url, form));
    };
    await report('sent', NEXT_KEY).expect(403);
    expect((await patch(`${NEXT_KEY},${KEY}`)).config.TWILIO_SHARED_KEY).toBe('••••0001');
    await report('sent', NEXT_KEY).expect(204);
    await report('delivered', KEY).expect(204);
    await patch(NEXT_KEY);
    await report('read', KEY).expect(403);
    expect((await patch(null)).config).not.toHaveProperty('TWILIO_SHARED_KEY');
    await report('read', NEXT_KEY).expect(403);
    await patch(KEY);
    await report('read', KEY).expect(204);
  });

  it('are stored sealed, and must be long enough', async () => {
    const rows = await t.app
      .get(Database, { strict: false })
      .query('SELECT * FROM twilio_whatsapp_provider_instance');
    expect(JSON.stringify(rows)).not.toContain(KEY);
    for (const TWILIO_SHARED_KEY of ['', 'short', `${KEY},`, `${KEY}, ${KEY}`, `${KEY},short`]) {
      const { body } = await t
        .api()
        .patch(path)
        .send({ config: { TWILIO_SHARED_KEY } })
        .expect(400);
      expect(body.message).toEqual([expect.stringContaining('TWILIO_SHARED_KEY must be')]);
    }
  });
});
