import { createHash, randomUUID } from 'node:crypto';
import request from 'supertest';
import {
  ACCOUNT_SID,
  AUTH_TOKEN,
  OTHER_ACCOUNT_SID,
  OTHER_AUTH_TOKEN,
  PLATFORMS,
  startApplication,
  type TestApplication,
} from '../support/application.js';
import { CallbackClient, fields, sign, type SentMessage } from '../support/callback-forms.js';

const hash = (body: string) => createHash('sha256').update(body).digest('hex');

describe.each(PLATFORMS)('Event Streams on %s', (platform) => {
  let t: TestApplication;
  let twilio: CallbackClient;
  let callbackUrl: string;

  beforeAll(async () => {
    t = await startApplication({ platform });
    twilio = new CallbackClient(t);
    const { body } = await t.api().get('/v3/provider-instances').expect(200);
    callbackUrl = body.items[0].callbackUrl;
  });
  afterAll(() => t.stop());

  const event = (sid: string, type: string, data: object = {}) => ({
    specversion: '1.0',
    type: `com.twilio.messaging.message.${type}`,
    source: `/2010-04-01/Accounts/${ACCOUNT_SID}/Messages/${sid}.json`,
    id: `EZ${randomUUID().replaceAll('-', '')}`,
    time: '2026-03-29T04:00:56.753Z',
    dataschema: 'https://events-schemas.twilio.com/Messaging.MessageStatus/7',
    datacontenttype: 'application/json',
    data: {
      messageSid: sid,
      accountSid: ACCOUNT_SID,
      messageStatus: type.toUpperCase(),
      timestamp: '2026-03-29T04:00:56.000Z',
      ...data,
    },
  });

  /** POSTs events as Twilio does: the hash of the body stands in the query that is signed. */
  function post(
    events: unknown,
    {
      url = callbackUrl,
      body = JSON.stringify(events),
      query = `bodySHA256=${hash(body)}`,
      signature = sign(`${url}?${query}`, {}),
    } = {},
  ) {
    return request(t.app.getHttpServer())
      .post(`${new URL(url).pathname}${query && `?${query}`}`)
      .set({ 'Content-Type': 'application/json', 'X-Twilio-Signature': signature })
      .send(body);
  }

  const statusOf = async ({ id }: SentMessage) => (await twilio.detail(id)).status;

  it('takes an array and a single event', async () => {
    const [one, two] = await twilio.sentMessages(2);
    await post([event(one.sid, 'delivered'), event(two.sid, 'sent')]).expect(204, {});
    await post(event(two.sid, 'read')).expect(204, {});
    expect(await statusOf(one)).toBe('delivered');
    expect(await statusOf(two)).toBe('seen');
  });

  it('takes bodies that are not ASCII, byte by byte', async () => {
    const message = await twilio.sentMessage();
    const body = `[ ${JSON.stringify(event(message.sid, 'read', { body: 'Grüße 👋' }))}\r\n ]`;
    await post(undefined, { body }).expect(204);
    expect(await statusOf(message)).toBe('seen');
  });

  it('explains failures', async () => {
    const message = await twilio.sentMessage();
    await post([event(message.sid, 'undelivered', { errorCode: 63016 })]).expect(204);
    expect(await twilio.detail(message.id)).toMatchObject({
      status: 'discarded',
      reason: 'window_closed',
      errorCode: 63016,
    });
  });

  it('agrees with the callbacks of the same message, whoever is first', async () => {
    const message = await twilio.sentMessage();
    await twilio.post(message.url, fields(message.sid, 'sent')).expect(204);
    const events = ['sent', 'delivered', 'read'].map((type) => event(message.sid, type));
    await post(events).expect(204);
    await twilio.post(message.url, fields(message.sid, 'read')).expect(204);
    const detail = await twilio.detail(message.id);
    expect(detail.status).toBe('seen');
    expect(
      Object.fromEntries(
        detail.events.map(({ providerStatus, source }) => [providerStatus, source]),
      ),
    ).toEqual({ queued: 'response', sent: 'callback', delivered: 'stream', read: 'stream' });
    const read = detail.events.find(({ providerStatus }) => providerStatus === 'read');
    expect(read?.raw).toMatchObject({ id: events[2].id, data: { messageStatus: 'READ' } });
  });

  it('changes nothing when events are delivered again, together or one by one', async () => {
    const message = await twilio.sentMessage();
    const events = ['sent', 'delivered', 'read'].map((type) => event(message.sid, type));
    await post(events).expect(204);
    const before = await twilio.detail(message.id);
    await Promise.all(
      Array.from({ length: 30 }, (_, index) => post(events[(index * 7) % 3]).expect(204)),
    );
    await post([...events, ...events].toReversed()).expect(204);
    expect(await twilio.detail(message.id)).toEqual(before);
  });

  it('finds a message whose SID nobody had heard of by the URL in the event', async () => {
    t.simulator.script('+447700900150', { faults: ['errorAfter'], statuses: [] });
    const { body } = await t
      .api()
      .post('/v3/notifications')
      .send({
        notification: { title: 'x' },
        sendTo: { recipients: [{ identifier: 'lost', phoneNumber: '+447700900150' }] },
      });
    const unknown = await t.settled(body.requestId, 'lost', 'unknown');
    const [{ sid, form }] = t.simulator.messagesTo('+447700900150');
    const url = form.get('StatusCallback')!;
    const forged = `${url.slice(0, -3)}AAA`;
    await post(event(sid, 'delivered', { statusCallBackUrl: forged })).expect(204);
    await post(event(sid, 'delivered', { statusCallBackUrl: 'https://x.example.com' })).expect(204);
    expect((await twilio.detail(String(unknown.id))).status).toBe('unknown');
    await post(event(sid, 'delivered', { statusCallBackUrl: url })).expect(204);
    expect(await twilio.detail(String(unknown.id))).toMatchObject({
      status: 'delivered',
      sid,
      attemptLog: [{ outcome: 'accepted', sid }],
    });
  });

  it.each([
    ['nothing', []],
    ['events of other products', [{ type: 'com.twilio.voice.x', data: { messageSid: 'x' } }]],
    ['messages that are none of ours', [event(`SM${'f'.repeat(32)}`, 'read')]],
    ['what is no event', [null, 7, 'x', [[]]]],
  ])('answers 204 to %s', async (_case, events) => {
    await post(events).expect(204);
  });

  it('leaves out what other accounts sent', async () => {
    const message = await twilio.sentMessage();
    await post(event(message.sid, 'read', { accountSid: OTHER_ACCOUNT_SID })).expect(204);
    expect(await statusOf(message)).toBe('sent');
  });

  it('answers 400 to what is no JSON', async () => {
    await post(undefined, { body: '{' }).expect(400);
  });

  describe('refuses', () => {
    const body = (message: SentMessage) => JSON.stringify([event(message.sid, 'read')]);

    it.each<[string, (message: SentMessage) => Parameters<typeof post>[1]]>([
      [
        'a body that does not match the hash',
        (message) => ({ query: `bodySHA256=${hash('x')}`, body: body(message) }),
      ],
      [
        'no hash',
        (message) => ({ query: '', body: body(message), signature: sign(callbackUrl, {}) }),
      ],
      ['an empty hash', (message) => ({ query: 'bodySHA256=', body: body(message) })],
      [
        'a hash in capitals',
        (message) => ({
          query: `bodySHA256=${hash(body(message)).toUpperCase()}`,
          body: body(message),
        }),
      ],
      [
        'two hashes',
        (message) => ({
          query: `bodySHA256=${hash(body(message))}&bodySHA256=${hash('x')}`,
          body: body(message),
        }),
      ],
      [
        'a hash beside something else',
        (message) => ({ query: `a=b&bodySHA256=${hash(body(message))}`, body: body(message) }),
      ],
      [
        'a hash that is not signed',
        (message) => ({ body: body(message), signature: sign(callbackUrl, {}) }),
      ],
      [
        'another token',
        (message) => ({
          body: body(message),
          signature: sign(`${callbackUrl}?bodySHA256=${hash(body(message))}`, {}, OTHER_AUTH_TOKEN),
        }),
      ],
      ['no signature', (message) => ({ body: body(message), signature: '' })],
      ['the URL of an attempt', (message) => ({ body: body(message), url: message.url })],
    ])('%s', async (_case, forge) => {
      const message = await twilio.sentMessage();
      await post(undefined, forge(message)).expect(403);
      expect(await statusOf(message)).toBe('sent');
    });

    it('a signed form whose words are passed off as events', async () => {
      const message = await twilio.sentMessage();
      const form = { ...fields(message.sid, 'read'), AccountSid: ACCOUNT_SID };
      await post([event(message.sid, 'read')], {
        signature: sign(callbackUrl, form, AUTH_TOKEN),
      }).expect(403);
    });
  });
});
