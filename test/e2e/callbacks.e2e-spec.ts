import { DataSource } from 'typeorm';
import { Database } from '../../src/database/database.js';
import { getExpectedTwilioSignature } from 'twilio/lib/webhooks/webhooks.js';
import {
  ACCOUNT_SID,
  AUTH_TOKEN,
  OTHER_ACCOUNT_SID,
  OTHER_AUTH_TOKEN,
  OTHER_SENDER,
  PLATFORMS,
  startApplication,
  type TestApplication,
} from '../support/application.js';
import { CallbackClient, fields } from '../support/callback-forms.js';

describe.each(PLATFORMS)('callbacks on %s', (platform) => {
  let t: TestApplication;
  let twilio: CallbackClient;

  beforeAll(async () => {
    t = await startApplication({ platform });
    twilio = new CallbackClient(t);
  });
  afterAll(() => t.stop());

  const sentMessage = (override?: object) => twilio.sentMessage(override);
  const post = (...args: Parameters<CallbackClient['post']>) => twilio.post(...args);
  const detail = (id: string) => twilio.detail(id);

  it.each([
    ['accepted', 'sent'],
    ['scheduled', 'sent'],
    ['queued', 'sent'],
    ['sending', 'sent'],
    ['sent', 'sent'],
    ['delivered', 'delivered'],
    ['partially_delivered', 'delivered'],
    ['read', 'seen'],
    ['failed', 'discarded'],
    ['undelivered', 'discarded'],
    ['canceled', 'discarded'],
    ['teleported', 'sent'],
  ])('takes %s for %s', async (providerStatus, status) => {
    const { id, sid, url } = await sentMessage();
    await post(url, fields(sid, providerStatus)).expect(204, {});
    const message = await detail(id);
    expect(message.status).toBe(status);
    expect(message.events.map((event) => event.providerStatus)).toContain(providerStatus);
  });

  it('explains a failure that comes without words', async () => {
    const { id, sid, url } = await sentMessage();
    await post(url, fields(sid, 'undelivered', { ErrorCode: '63016', ErrorMessage: '' })).expect(
      204,
    );
    await post(url, fields(sid, 'failed')).expect(204);
    expect(await detail(id)).toMatchObject({
      status: 'discarded',
      reason: 'window_closed',
      errorCode: 63016,
      explanation: expect.stringContaining('24 hours'),
    });
  });

  it('stores a repetition once and never goes back', async () => {
    const { id, sid, url } = await sentMessage();
    for (const status of ['read', 'delivered', 'sent', 'read', 'failed', 'delivered']) {
      await post(url, fields(sid, status)).expect(204);
    }
    const message = await detail(id);
    expect(message).toMatchObject({
      status: 'seen',
      deliveredAt: expect.any(String),
      seenAt: expect.any(String),
    });
    expect(new Set(message.events.map((event) => event.providerStatus))).toEqual(
      new Set(['delivered', 'failed', 'queued', 'read', 'sent']),
    );
    expect(message.events).toHaveLength(5);
  });

  it.each([
    ['failed', 'delivered'],
    ['undelivered', 'read'],
  ])('forgets %s when %s comes, but among the events', async (failure, success) => {
    const { id, sid, url } = await sentMessage();
    await post(url, fields(sid, failure, { ErrorCode: '63024' })).expect(204);
    expect(await detail(id)).toMatchObject({
      status: 'discarded',
      discardedAt: expect.any(String),
      errorCode: 63024,
    });
    await post(url, fields(sid, success)).expect(204);
    await post(url, fields(sid, failure, { ErrorCode: '63024' })).expect(204);
    const message = await detail(id);
    expect(message.status).toBe(success === 'read' ? 'seen' : 'delivered');
    for (const name of ['discardedAt', 'reason', 'explanation', 'errorCode']) {
      expect(message).not.toHaveProperty(name);
    }
    expect(message.events).toContainEqual(
      expect.objectContaining({ type: 'discarded', providerStatus: failure, errorCode: 63024 }),
    );
    const { body } = await t.api().get(`/v3/messages?requestId=${String(message.requestId)}`);
    expect(body.items[0]).not.toHaveProperty('discardedAt');
  });

  it('stores what comes at once, each once', async () => {
    const { id, sid, url } = await sentMessage();
    const statuses = ['sent', 'delivered', 'read'];
    await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        post(url, fields(sid, statuses[index % 3])).expect(204),
      ),
    );
    const message = await detail(id);
    expect(message.status).toBe('seen');
    expect(message.events).toHaveLength(4);
  });

  it.each([
    ['SmsStatus', { SmsStatus: 'sent' }],
    ['SmsSid', { SmsSid: `SM${'9'.repeat(32)}` }],
  ])('goes by MessageSid and MessageStatus where %s differs', async (_name, twin) => {
    const { id, sid, url, instance } = await sentMessage();
    await post(url, fields(sid, 'delivered', twin)).expect(204);
    expect(await detail(id)).toMatchObject({ status: 'delivered', sid });
    const instanceUrl = `${t.url}/v3/callbacks/twilio_whatsapp/${instance}`;
    await post(instanceUrl, fields(sid, 'read', twin)).expect(204);
    expect(await detail(id)).toMatchObject({ status: 'seen', sid });
  });

  it('adopts the SID of a message whose answer was lost', async () => {
    t.simulator.script('+447700900140', {
      faults: ['errorAfter'],
      statuses: [],
    });
    const { body } = await t
      .api()
      .post('/v3/notifications')
      .send({
        notification: { title: 'x' },
        sendTo: { recipients: [{ identifier: 'lost', phoneNumber: '+447700900140' }] },
      });
    const { id } = await t.settled(body.requestId, 'lost', 'unknown');
    const [{ sid, form }] = t.simulator.messagesTo('+447700900140');
    await post(form.get('StatusCallback')!, fields(sid, 'delivered')).expect(204);
    const message = await detail(String(id));
    expect(message).toMatchObject({ status: 'delivered', sid });
    expect(message).not.toHaveProperty('reason');
  });

  it('takes callbacks that come before the answer to the POST', async () => {
    t.simulator.script('+447700900141', { callbacks: { early: true } });
    const { body } = await t
      .api()
      .post('/v3/notifications')
      .send({
        notification: { title: 'x' },
        sendTo: { recipients: [{ identifier: 'early', phoneNumber: '+447700900141' }] },
      });
    const { id } = await t.settled(body.requestId, 'early', 'seen');
    await t.simulator.idle();
    expect(await detail(String(id))).toMatchObject({
      status: 'seen',
      attemptLog: [{ outcome: 'accepted' }],
    });
  });

  it('is signed by the account that sent, also when it came along with the request', async () => {
    const { id, sid, url } = await sentMessage({
      _config: { TWILIO_ACCOUNT_SID: OTHER_ACCOUNT_SID, TWILIO_AUTH_TOKEN: OTHER_AUTH_TOKEN },
    });
    const form = fields(sid, 'read', { AccountSid: OTHER_ACCOUNT_SID });
    await post(url, form, getExpectedTwilioSignature(OTHER_AUTH_TOKEN, url, form)).expect(204);
    expect((await detail(id)).status).toBe('seen');
  });

  it('is understood with the token that was rotated in a moment ago', async () => {
    const { id, sid, url, instance } = await sentMessage();
    const rotated = 'not-a-real-auth-token-0003';
    const path = `/v3/provider-instances/${instance}`;
    await t
      .api()
      .patch(path)
      .send({ config: { TWILIO_AUTH_TOKEN: rotated } })
      .expect(200);
    await post(
      url,
      fields(sid, 'read'),
      getExpectedTwilioSignature(rotated, url, fields(sid, 'read')),
    ).expect(204);
    expect((await detail(id)).status).toBe('seen');
    await t
      .api()
      .patch(path)
      .send({ config: { TWILIO_AUTH_TOKEN: AUTH_TOKEN } })
      .expect(200);
  });

  it('finds the message by its SID on the URL of the instance', async () => {
    const { id, sid, instance } = await sentMessage();
    const url = `${t.url}/v3/callbacks/twilio_whatsapp/${instance}`;
    await post(url, fields(sid, 'delivered')).expect(204);
    expect((await detail(id)).status).toBe('delivered');
    await post(url, fields(`SM${'f'.repeat(32)}`, 'delivered')).expect(204);
    await post(url, { SmsStatus: 'received', Body: 'hi', AccountSid: ACCOUNT_SID }).expect(204);
  });

  it('tracks a message with a StatusCallback of the caller’s through the instance', async () => {
    const { id, sid, instance, url } = await sentMessage({
      StatusCallback: 'https://caller.example.com/hook',
    });
    expect(url).toBe('https://caller.example.com/hook');
    await post(`${t.url}/v3/callbacks/twilio_whatsapp/${instance}`, fields(sid, 'read')).expect(
      204,
    );
    expect((await detail(id)).status).toBe('seen');
  });

  it('answers 204 for a message that is gone', async () => {
    const { sid, url } = await sentMessage();
    await t.app
      .get(Database, { strict: false })
      .query('DELETE FROM twilio_whatsapp_message WHERE sid = ?', sid);
    await post(url, fields(sid, 'read')).expect(204);
  });

  describe('refuses', () => {
    it.each<[string, (m: { sid: string; url: string }) => ReturnType<typeof post>]>([
      ['no signature', ({ sid, url }) => post(url, fields(sid, 'read'), '')],
      [
        'another token',
        ({ sid, url }) =>
          post(
            url,
            fields(sid, 'read'),
            getExpectedTwilioSignature('another-auth-token', url, fields(sid, 'read')),
          ),
      ],
      [
        'an empty token',
        ({ sid, url }) =>
          post(url, fields(sid, 'read'), getExpectedTwilioSignature('', url, fields(sid, 'read'))),
      ],
      [
        'changed fields',
        ({ sid, url }) =>
          post(
            url,
            fields(sid, 'read'),
            getExpectedTwilioSignature(AUTH_TOKEN, url, fields(sid, 'sent')),
          ),
      ],
      [
        'another account',
        ({ sid, url }) => post(url, fields(sid, 'read', { AccountSid: OTHER_ACCOUNT_SID })),
      ],
      ['another attempt', ({ sid, url }) => post(url.replace('/1/', '/2/'), fields(sid, 'read'))],
      [
        'a changed proof',
        ({ sid, url }) =>
          post(`${url.slice(0, -2)}${url.endsWith('AA') ? 'BB' : 'AA'}`, fields(sid, 'read')),
      ],
    ])('%s', async (_case, attack) => {
      const message = await sentMessage();
      const { body } = await attack(message).expect(403);
      expect(body).toMatchObject({ statusCode: 403, error: 'Forbidden' });
      expect((await detail(message.id)).status).toBe('sent');
    });

    it('what another instance says of the message', async () => {
      const { id, sid } = await sentMessage();
      const { body: other } = await t
        .api()
        .post('/v3/provider-instances')
        .send({
          name: 'other',
          config: {
            TWILIO_ACCOUNT_SID: OTHER_ACCOUNT_SID,
            TWILIO_AUTH_TOKEN: OTHER_AUTH_TOKEN,
            TWILIO_FROM_NUMBER: OTHER_SENDER,
          },
        })
        .expect(201);
      const form = fields(sid, 'read', { AccountSid: OTHER_ACCOUNT_SID });
      const signature = getExpectedTwilioSignature(OTHER_AUTH_TOKEN, other.callbackUrl, form);
      await post(other.callbackUrl, form, signature).expect(204);
      expect((await detail(id)).status).toBe('sent');
    });

    it('an instance that does not exist', async () => {
      const url = `${t.url}/v3/callbacks/twilio_whatsapp/00000000-0000-7000-8000-000000000000`;
      await post(url, fields(`SM${'1'.repeat(32)}`, 'read')).expect(403);
    });

    it('whatever a request says about its own host', async () => {
      const { sid, url } = await sentMessage();
      const forged = url.replace(/^http:\/\/[^/]+/, 'https://evil.example.com');
      await post(
        url,
        fields(sid, 'read'),
        getExpectedTwilioSignature(AUTH_TOKEN, forged, fields(sid, 'read')),
      )
        .set({
          Host: 'evil.example.com',
          'X-Forwarded-Host': 'evil.example.com',
          'X-Forwarded-Proto': 'https',
        })
        .expect(403);
    });
  });

  it('reads names that parsers nest, and repeated ones', async () => {
    const { id, sid, url } = await sentMessage();
    await post(url, { ...fields(sid, 'read'), 'a[b]': '1', Many: ['2', '1'], __proto: 'x' }).expect(
      204,
    );
    expect((await detail(id)).status).toBe('seen');
  });

  it('asks to be called again when the database is gone, and asks it only about URLs of our own', async () => {
    const { sid, url } = await sentMessage();
    await t.app.get(DataSource, { strict: false }).destroy();
    await post(url, fields(sid, 'read')).expect(503);
    await post(`${url.slice(0, -2)}__`, fields(sid, 'read')).expect(403);
  });
});
