import request from 'supertest';
import {
  ACCOUNT_SID,
  AUTH_TOKEN,
  OTHER_ACCOUNT_SID,
  OTHER_AUTH_TOKEN,
  OTHER_SENDER,
  PLATFORMS,
  SENDER,
  startApplication,
  type TestApplication,
} from '../support/application.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** An object within an object within an object, as clients write it. */
const nested = (levels: number): string => `${'{"value":'.repeat(levels)}{}${'}'.repeat(levels)}`;

const NOWHERE = '00000000-0000-7000-8000-000000000000';

describe.each(PLATFORMS)('the REST API on %s', (platform) => {
  let t: TestApplication;

  beforeAll(async () => {
    t = await startApplication({ platform });
    await t.api().put('/v3/users/anand').send({ phoneNumber: '+447700900100' }).expect(200);
  });
  afterAll(() => t.stop());

  const send = async (body: object) => {
    const response = await t.api().post('/v3/notifications').send(body).expect(202);
    return (response.body as { requestId: string }).requestId;
  };
  const hello = (more: object = {}) => ({
    notification: { title: 'Hello' },
    sendTo: { recipients: ['anand'] },
    ...more,
  });

  describe('authentication', () => {
    it.each([
      ['no headers', {}],
      [
        'a wrong secret',
        { 'X-ENGAGESPOT-API-KEY': 'test-api-key', 'X-ENGAGESPOT-API-SECRET': 'x' },
      ],
      [
        'a wrong key',
        { 'X-ENGAGESPOT-API-KEY': 'x', 'X-ENGAGESPOT-API-SECRET': 'test-api-secret' },
      ],
    ])('refuses %s', async (_case, headers) => {
      for (const [method, path] of [
        ['post', 'notifications'],
        ['get', `notifications/${NOWHERE}`],
        ['get', 'messages'],
        ['post', `messages/${NOWHERE}/cancel`],
        ['get', 'users'],
        ['put', 'users/x'],
        ['get', 'providers'],
        ['get', 'provider-instances'],
        ['post', 'provider-instances'],
      ] as const) {
        const agent = request(t.app.getHttpServer());
        const { body } = await agent[method](`/v3/${path}`).set(headers).expect(401);
        expect(body).toMatchObject({
          statusCode: 401,
          error: 'Unauthorized',
          message: expect.any(String),
        });
      }
    });
  });

  describe('POST notifications', () => {
    it('answers 202 with the request id', async () => {
      const { body } = await t.api().post('/v3/notifications').send(hello()).expect(202);
      expect(body).toEqual({ requestId: expect.stringMatching(UUID) });
    });

    it('shows the last instant before the year 10000 as it was given', async () => {
      const sendAt = '9999-12-31T23:59:59.999Z';
      const { body } = await t.api().post('/v3/notifications').send(hello({ sendAt })).expect(202);
      const { body: shown } = await t.api().get(`/v3/messages?requestId=${body.requestId}`);
      expect(shown.items).toMatchObject([{ status: 'queued', dueAt: sendAt }]);
    });

    it.each([
      ['an empty body', {}, 'notification'],
      ['a list', [], 'the body must be a JSON object'],
      ['no title', hello({ notification: {} }), 'notification.title'],
      ['a title that is no text', hello({ notification: { title: 7 } }), 'notification.title'],
      ['nobody', hello({ sendTo: { recipients: [] } }), 'sendTo.recipients'],
      [
        'recipients that are none',
        hello({ sendTo: { recipients: [null] } }),
        'sendTo.recipients[0]',
      ],
      ['sendTo that is no object', hello({ sendTo: 'anand' }), 'sendTo'],
      [
        'topics',
        hello({ sendTo: { recipients: ['a'], topics: ['t'] } }),
        'sendTo.topics is not supported',
      ],
      [
        'a template',
        hello({ notification: { title: 'x', templateId: 7 } }),
        'templateId is not supported',
      ],
      [
        'a workflow',
        hello({ notification: { title: 'x', workflow: {} } }),
        'workflow is not supported',
      ],
      ['an unknown field', hello({ colour: 'red' }), 'colour is unknown. Remove it.'],
      ['data that is no object', hello({ data: [] }), 'data'],
      ['a time that is none', hello({ sendAt: 'tomorrow' }), 'sendAt'],
      ['a week', hello({ sendAt: '2026-W10-1' }), 'sendAt'],
      ['a time without offset', hello({ sendAt: '2030-01-31T09:30:00' }), 'sendAt'],
      ['a time without dashes', hello({ sendAt: '20301122T100000Z' }), 'sendAt'],
      ['a day that is none', hello({ sendAt: '2030-02-30T09:30:00Z' }), 'sendAt'],
      [
        'the year 10000',
        hello({ sendAt: '9999-12-31T23:59:59-01:00' }),
        'sendAt must be an instant with its offset in ISO 8601, before the year 10000',
      ],
      [
        'a sender that is too long',
        hello({ override: { twilio_whatsapp: { From: 'x'.repeat(500) } } }),
        'twilio_whatsapp.From',
      ],
      [
        'a list of recipients in To',
        hello({ override: { twilio_whatsapp: { To: ['a', 'b'] } } }),
        'twilio_whatsapp.To',
      ],
      [
        'a text beyond all bounds',
        hello({ override: { twilio_whatsapp: { Body: 'é'.repeat(30_000) } } }),
        'override.twilio_whatsapp must not be longer',
      ],
      [
        'data beyond all bounds',
        hello({ data: { text: 'é'.repeat(40_000) } }),
        'data must not be longer',
      ],
      ['an override that is no object', hello({ override: 'x' }), 'override'],
      [
        'channels that are none',
        hello({ override: { channels: 'whatsapp' } }),
        'override.channels',
      ],
      [
        'a hostile override',
        hello({ override: { twilio_whatsapp: { _x: 1 } } }),
        'override.twilio_whatsapp._x',
      ],
      [
        'an unknown instance',
        hello({ override: { twilio_whatsapp: { _instance: 'nope' } } }),
        '_instance',
      ],
      [
        'an account without its token',
        hello({ override: { twilio_whatsapp: { TWILIO_ACCOUNT_SID: OTHER_ACCOUNT_SID } } }),
        'TWILIO_AUTH_TOKEN',
      ],
      [
        'a NUL character',
        hello({ notification: { title: 'a\u0000b' } }),
        'notification.title holds a NUL',
      ],
      ['half a surrogate pair', hello({ data: { x: ['\uD800'] } }), 'data.x.0 holds'],
    ])('answers 400 to %s and names it', async (_case, body, message) => {
      const { body: answer } = await t.api().post('/v3/notifications').send(body).expect(400);
      expect(answer).toMatchObject({ statusCode: 400, error: 'Bad Request' });
      expect([answer.message].flat().join('\n')).toContain(message);
    });

    it('names each bad field at once', async () => {
      const { body } = await t
        .api()
        .post('/v3/notifications')
        .send({ notification: { title: '' }, sendTo: { recipients: [1] }, sendAt: 'x' })
        .expect(400);
      expect(body.message).toEqual(
        expect.arrayContaining([
          expect.stringContaining('notification.title'),
          expect.stringContaining('sendAt'),
          expect.stringContaining('sendTo.recipients[0]'),
        ]),
      );
    });

    it('answers in JSON to what is not', async () => {
      const { body } = await t
        .api()
        .post('/v3/notifications')
        .set('Content-Type', 'application/json')
        .send('{"notification":')
        .expect(400);
      expect(body).toMatchObject({
        statusCode: 400,
        error: 'Bad Request',
        message: expect.any(String),
      });
    });

    it('answers 413 to a body that is too large', async () => {
      const { body } = await t
        .api()
        .post('/v3/notifications')
        .send(hello({ data: { text: 'x'.repeat(9_000_000) } }))
        .expect(413);
      expect(body).toMatchObject({ statusCode: 413, error: 'Payload Too Large' });
    });

    it('takes ten thousand recipients', async () => {
      const recipients = Array.from({ length: 10_000 }, (_, index) => ({
        identifier: `bulk-${index}`,
        name: 'x'.repeat(60),
      }));
      const requestId = await send(hello({ sendTo: { recipients } }));
      const { body } = await t.api().get(`/v3/notifications/${requestId}`).expect(200);
      const counts = Object.values(body.counts as Record<string, number>);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(10_000);
      await t.api().get('/v3/users/bulk-9999').expect(200);
    });

    it('gives each user one message, whichever list names them', async () => {
      const requestId = await send(
        hello({ recipients: ['anand', 'anand'], sendTo: { recipients: ['anand'] } }),
      );
      const { body } = await t.api().get(`/v3/messages?requestId=${requestId}`).expect(200);
      expect(body.items).toHaveLength(1);
    });

    it('creates users that come along, and merges their attributes', async () => {
      await t.api().put('/v3/users/inline').send({ name: 'I' }).expect(200);
      const requestId = await send(
        hello({ sendTo: { recipients: [{ identifier: 'inline', phoneNumber: '+447700900110' }] } }),
      );
      const { body } = await t.api().get('/v3/users/inline').expect(200);
      expect(body).toEqual({ identifier: 'inline', name: 'I', phoneNumber: '+447700900110' });
      await t.settled(requestId, 'inline', 'seen');
    });

    it('sends nothing when the channels leave whatsapp out', async () => {
      const requestId = await send(hello({ override: { channels: ['email'] } }));
      const { body } = await t.api().get(`/v3/notifications/${requestId}`).expect(200);
      expect(body).toMatchObject({ counts: {}, messages: { items: [] } });
    });

    it('leaves overrides of other providers alone', async () => {
      const requestId = await send(
        hello({ override: { channels: ['whatsapp', 'email'], sendgrid_email: { x: 1 } } }),
      );
      await t.settled(requestId, 'anand', 'seen');
    });

    it('answers a repetition under the same key with the first request, 422 to another body', async () => {
      const post = (body: object) =>
        t.api().post('/v3/notifications').set('Idempotency-Key', 'order-7').send(body);
      const answers = await Promise.all([post(hello()), post(hello()), post(hello())]);
      expect(new Set(answers.map(({ body }) => body.requestId)).size).toBe(1);
      expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
      const { body } = await t.api().get(`/v3/messages?requestId=${answers[0].body.requestId}`);
      expect(body.items).toHaveLength(1);
      const { body: refused } = await post(hello({ data: { other: true } })).expect(422);
      expect(refused).toMatchObject({ statusCode: 422, error: 'Unprocessable Entity' });
    });
  });

  describe('what became of it', () => {
    it('GET notifications/:requestId counts and pages', async () => {
      const recipients = [
        'anand',
        'nobody',
        { identifier: 'mute' },
        { identifier: 'typo', phoneNumber: '(457)-746-846' },
      ];
      const requestId = await send(hello({ sendTo: { recipients }, data: { order: 7 } }));
      await t.settled(requestId, 'anand', 'seen');
      await t.settled(requestId, 'typo', 'discarded');
      const { body } = await t.api().get(`/v3/notifications/${requestId}?limit=3`).expect(200);
      expect(body).toEqual({
        requestId,
        createdAt: expect.stringMatching(INSTANT),
        counts: { seen: 1, discarded: 3 },
        messages: { items: expect.any(Array), nextCursor: expect.stringMatching(UUID) },
      });
      expect(
        body.messages.items.map(({ recipient, reason }: Record<string, unknown>) => [
          recipient,
          reason,
        ]),
      ).toEqual([
        ['anand', undefined],
        ['nobody', 'recipient_unknown'],
        ['mute', 'phone_missing'],
      ]);
      const next = await t
        .api()
        .get(`/v3/notifications/${requestId}?limit=3&cursor=${body.messages.nextCursor}`)
        .expect(200);
      expect(next.body.messages).toEqual({
        items: [
          expect.objectContaining({
            recipient: 'typo',
            reason: 'phone_invalid',
            data: { order: 7 },
          }),
        ],
      });
    });

    it('GET messages filters and pages, newest first', async () => {
      const requestId = await send(hello({ sendTo: { recipients: ['anand', 'nobody'] } }));
      await t.settled(requestId, 'nobody', 'discarded');
      const { body: discarded } = await t
        .api()
        .get(`/v3/messages?requestId=${requestId}&status=discarded`)
        .expect(200);
      expect(discarded.items).toHaveLength(1);
      const { body: all } = await t.api().get('/v3/messages?recipient=anand&limit=1').expect(200);
      expect(all).toEqual({
        items: [expect.objectContaining({ requestId })],
        nextCursor: expect.any(String),
      });
      const { body: older } = await t
        .api()
        .get(`/v3/messages?recipient=anand&limit=1&cursor=${all.nextCursor}`)
        .expect(200);
      expect(older.items[0].requestId).not.toBe(requestId);
      const { body: byInstance } = await t
        .api()
        .get(`/v3/messages?instance=${all.items[0].instance}&limit=2`)
        .expect(200);
      expect(byInstance.items).toHaveLength(2);
    });

    it.each(['limit=0', 'limit=x', 'limit=201', 'status=lost', 'colour=red'])(
      'GET messages?%s answers 400',
      async (query) => {
        const { body } = await t.api().get(`/v3/messages?${query}`).expect(400);
        expect([body.message].flat().join()).toContain(query.split('=')[0]);
      },
    );

    it('GET messages/:id shows events, attempts and the request, without secrets', async () => {
      const requestId = await send(
        hello({
          override: {
            twilio_whatsapp: {
              _config: {
                TWILIO_ACCOUNT_SID: OTHER_ACCOUNT_SID,
                TWILIO_AUTH_TOKEN: OTHER_AUTH_TOKEN,
              },
              mediaUrl: ['https://a.example/1.png'],
            },
          },
        }),
      );
      const { id } = await t.settled(requestId, 'anand', 'seen');
      const { body, text } = await t
        .api()
        .get(`/v3/messages/${String(id)}`)
        .expect(200);
      expect(body).toMatchObject({
        id,
        requestId,
        recipient: 'anand',
        to: '+447700900100',
        from: SENDER,
        status: 'seen',
        attempts: 1,
        sid: expect.stringMatching(/^MM/),
        createdAt: expect.stringMatching(INSTANT),
        sentAt: expect.stringMatching(INSTANT),
        deliveredAt: expect.stringMatching(INSTANT),
        seenAt: expect.stringMatching(INSTANT),
        attemptLog: [
          { no: 1, outcome: 'accepted', httpStatus: 201, sid: expect.stringMatching(/^MM/) },
        ],
        request: {
          To: 'whatsapp:+447700900100',
          From: `whatsapp:${SENDER}`,
          Body: 'Hello',
          MediaUrl: ['https://a.example/1.png'],
          StatusCallback: expect.stringContaining(
            `/v3/callbacks/twilio_whatsapp/${String(body.instance)}/${String(id)}/1/`,
          ),
        },
      });
      expect(
        body.events.map(({ type, providerStatus, source }: Record<string, unknown>) => [
          type,
          providerStatus,
          source,
        ]),
      ).toEqual([
        ['sent', 'queued', 'response'],
        ['sent', 'sent', 'callback'],
        ['delivered', 'delivered', 'callback'],
        ['seen', 'read', 'callback'],
      ]);
      expect(text).not.toContain(OTHER_AUTH_TOKEN);
    });

    it.each(['notifications', 'messages', 'users', 'provider-instances'])(
      'GET %s/:id answers 404 to what is not there',
      async (path) => {
        const { body } = await t.api().get(`/v3/${path}/${NOWHERE}`).expect(404);
        expect(body).toMatchObject({
          statusCode: 404,
          error: 'Not Found',
          message: expect.stringContaining(NOWHERE),
        });
      },
    );
  });

  describe('commands', () => {
    it('POST messages/:id/cancel cancels what is not sent', async () => {
      const requestId = await send(
        hello({ sendAt: new Date(Date.now() + 3_600_000).toISOString() }),
      );
      const message = await t.settled(requestId, 'anand', 'queued');
      expect(message.dueAt).toMatch(INSTANT);
      const { body } = await t
        .api()
        .post(`/v3/messages/${String(message.id)}/cancel`)
        .expect(200);
      expect(body).toMatchObject({ status: 'discarded', reason: 'canceled' });
      const { body: again } = await t
        .api()
        .post(`/v3/messages/${String(message.id)}/cancel`)
        .expect(409);
      expect(again).toMatchObject({ statusCode: 409, error: 'Conflict' });
      await t.api().post(`/v3/messages/${NOWHERE}/cancel`).expect(404);
    });

    it('POST messages/:id/resolve settles what is unknown', async () => {
      t.simulator.script('+447700900120', { faults: ['errorBefore'] });
      const requestId = await send(
        hello({ sendTo: { recipients: [{ identifier: 'u1', phoneNumber: '+447700900120' }] } }),
      );
      const { id } = await t.settled(requestId, 'u1', 'unknown');
      await t
        .api()
        .post(`/v3/messages/${String(id)}/resolve`)
        .send({ status: 'maybe' })
        .expect(400);
      const { body } = await t
        .api()
        .post(`/v3/messages/${String(id)}/resolve`)
        .send({ status: 'queued' })
        .expect(200);
      expect(body.id).toBe(id);
      await t.settled(requestId, 'u1', 'seen');
      await t
        .api()
        .post(`/v3/messages/${String(id)}/resolve`)
        .send({ status: 'discarded' })
        .expect(409);
    });
  });

  describe('users', () => {
    it('PUT creates, merges, and may have nothing to say', async () => {
      await t
        .api()
        .put('/v3/users/u')
        .send({ a: 1, b: { c: 2 } })
        .expect(200, { identifier: 'u', a: 1, b: { c: 2 } });
      await t
        .api()
        .put('/v3/users/u')
        .send({ a: 2 })
        .expect(200, { identifier: 'u', a: 2, b: { c: 2 } });
      await t.api().put('/v3/users/u').expect(200);
      await t
        .api()
        .put('/v3/users/empty')
        .set('Content-Type', 'application/json')
        .expect(200, { identifier: 'empty' });
    });

    it('PUT answers 422 to an attribute named identifier', async () => {
      const { body } = await t.api().put('/v3/users/u').send({ identifier: 'v' }).expect(422);
      expect(body).toMatchObject({ statusCode: 422, error: 'Unprocessable Entity' });
    });

    it('PUT answers 400 to what is no profile', async () => {
      await t.api().put('/v3/users/u').send([1]).expect(400);
      await t.api().put('/v3/users/u%00').send({}).expect(400);
      await t.api().put('/v3/users/u').send({ a: '\u0000' }).expect(400);
    });

    it('POST creates', async () => {
      await t
        .api()
        .post('/v3/users')
        .send({ identifier: 'p', profile: { a: 1 } })
        .expect(200, { identifier: 'p', a: 1 });
      const { body } = await t.api().post('/v3/users').send({ profile: {} }).expect(400);
      expect(body.message.join()).toContain('identifier');
    });

    it('keeps apart what only looks alike', async () => {
      for (const identifier of ['Case', 'case', 'case ']) {
        await t
          .api()
          .put(`/v3/users/${encodeURIComponent(identifier)}`)
          .send({ is: identifier })
          .expect(200);
      }
      await t.api().get('/v3/users/Case').expect(200, { identifier: 'Case', is: 'Case' });
      await t.api().get('/v3/users/case').expect(200, { identifier: 'case', is: 'case' });
    });

    it('takes e-mail addresses and long identifiers', async () => {
      for (const identifier of ['steve+x@example.com', 'é'.repeat(100), 'x'.repeat(255)]) {
        const { body } = await t
          .api()
          .put(`/v3/users/${encodeURIComponent(identifier)}`)
          .send({})
          .expect(200);
        expect(body.identifier).toBe(identifier);
      }
      await t
        .api()
        .put(`/v3/users/${'x'.repeat(256)}`)
        .send({})
        .expect(400);
    });

    it('GET lists in pages', async () => {
      const { body } = await t.api().get('/v3/users?limit=2').expect(200);
      expect(body).toEqual({
        items: [expect.anything(), expect.anything()],
        nextCursor: expect.any(String),
      });
      const { body: next } = await t
        .api()
        .get(`/v3/users?limit=2&cursor=${encodeURIComponent(body.nextCursor)}`)
        .expect(200);
      expect(next.items[0].identifier > body.items[1].identifier).toBe(true);
    });

    it('DELETE answers 202, and 404 when there is none', async () => {
      await t.api().put('/v3/users/gone').send({}).expect(200);
      await t.api().delete('/v3/users/gone').expect(202);
      await t.api().delete('/v3/users/gone').expect(404);
      await t.api().get('/v3/users/gone').expect(404);
    });
  });

  describe('providers', () => {
    it('GET providers shows the catalogue', async () => {
      const { body } = await t.api().get('/v3/providers').expect(200);
      expect(body.items).toEqual([
        expect.objectContaining({
          identifier: 'twilio_whatsapp',
          channel: 'whatsapp',
          configOptions: [
            { id: 1, config: 'TWILIO_ACCOUNT_SID', required: true },
            { id: 2, config: 'TWILIO_AUTH_TOKEN', required: true },
            { id: 3, config: 'TWILIO_FROM_NUMBER', required: true },
            { id: 4, config: 'TWILIO_API_KEY_SID', required: false },
            { id: 5, config: 'TWILIO_API_KEY_SECRET', required: false },
            { id: 6, config: 'TWILIO_SECONDARY_AUTH_TOKEN', required: false },
            { id: 7, config: 'TWILIO_SHARED_KEY', required: false },
          ],
        }),
      ]);
    });

    const config = {
      TWILIO_ACCOUNT_SID: OTHER_ACCOUNT_SID,
      TWILIO_AUTH_TOKEN: OTHER_AUTH_TOKEN,
      TWILIO_FROM_NUMBER: OTHER_SENDER,
    };

    it('keeps instances, with a masked token and a callback URL each', async () => {
      const { body: listed, text } = await t.api().get('/v3/provider-instances').expect(200);
      expect(listed.items).toEqual([
        {
          id: expect.stringMatching(UUID),
          provider: 'twilio_whatsapp',
          name: 'default',
          enabled: true,
          isDefault: true,
          messagesPerSecond: 10_000,
          config: {
            TWILIO_ACCOUNT_SID: ACCOUNT_SID,
            TWILIO_AUTH_TOKEN: '••••0001',
            TWILIO_FROM_NUMBER: SENDER,
          },
          callbackUrl: `${t.url}/v3/callbacks/twilio_whatsapp/${listed.items[0].id}`,
        },
      ]);
      expect(text).not.toContain(AUTH_TOKEN);

      const { body: made } = await t
        .api()
        .post('/v3/provider-instances')
        .send({ name: 'second', config, messagesPerSecond: 10 })
        .expect(201);
      expect(made).toMatchObject({ name: 'second', isDefault: false, messagesPerSecond: 10 });
      const path = `/v3/provider-instances/${made.id}`;
      await t.api().get(path).expect(200, made);

      const { body: patched } = await t
        .api()
        .patch(path)
        .send({ name: 'renamed', config: { TWILIO_FROM_NUMBER: SENDER }, messagesPerSecond: 20 })
        .expect(200);
      expect(patched).toEqual({
        ...made,
        name: 'renamed',
        messagesPerSecond: 20,
        config: { ...made.config, TWILIO_FROM_NUMBER: SENDER },
      });

      await t.api().patch(path).send({ isDefault: true }).expect(200);
      const { body: both } = await t.api().get('/v3/provider-instances').expect(200);
      expect(both.items.filter(({ isDefault }: { isDefault: boolean }) => isDefault)).toHaveLength(
        1,
      );
      await t
        .api()
        .patch(`/v3/provider-instances/${listed.items[0].id}`)
        .send({ isDefault: true })
        .expect(200);

      await t.api().delete(path).expect(200, { id: made.id });
      await t.api().get(path).expect(404);
      await t.api().post('/v3/provider-instances').send({ name: 'renamed', config }).expect(201);
    });

    it.each([
      ['no name', { config }, 'name'],
      ['no config', { name: 'x' }, 'config'],
      [
        'a part of the config',
        { name: 'x', config: { TWILIO_FROM_NUMBER: SENDER } },
        'config.TWILIO_ACCOUNT_SID',
      ],
      [
        'an unknown key',
        { name: 'x', config: { ...config, TWILIO_REGION: 'ie1' } },
        'TWILIO_REGION',
      ],
      [
        'an empty token',
        { name: 'x', config: { ...config, TWILIO_AUTH_TOKEN: '' } },
        'TWILIO_AUTH_TOKEN must be 16',
      ],
      [
        'half an API key',
        { name: 'x', config: { ...config, TWILIO_API_KEY_SID: `SK${'c'.repeat(32)}` } },
        'TWILIO_API_KEY_SECRET must be',
      ],
      [
        'a secondary token that is none',
        { name: 'x', config: { ...config, TWILIO_SECONDARY_AUTH_TOKEN: 'short' } },
        'TWILIO_SECONDARY_AUTH_TOKEN must be 16',
      ],
      ['a rate that is none', { name: 'x', config, messagesPerSecond: 0 }, 'messagesPerSecond'],
    ])('POST answers 400 to %s', async (_case, body, message) => {
      const { body: answer } = await t.api().post('/v3/provider-instances').send(body).expect(400);
      expect([answer.message].flat().join()).toContain(message);
    });

    it('POST answers 409 to a name that is taken', async () => {
      await t.api().post('/v3/provider-instances').send({ name: 'default', config }).expect(409);
    });

    it('holds the messages of a disabled instance back', async () => {
      const { body: instance } = await t
        .api()
        .post('/v3/provider-instances')
        .send({ name: 'pausing', config })
        .expect(201);
      const path = `/v3/provider-instances/${instance.id}`;
      const soon = new Date(Date.now() + 100).toISOString();
      const requestId = await send(
        hello({ sendAt: soon, override: { twilio_whatsapp: { _instance: 'pausing' } } }),
      );
      await t.api().post(`${path}/disable`).expect(200);
      const { body: refused } = await t
        .api()
        .post('/v3/notifications')
        .send(hello({ override: { twilio_whatsapp: { _instance: 'pausing' } } }))
        .expect(409);
      expect(refused.message).toContain('enabled');
      await t.api().post(`${path}/enable`).expect(200);
      await t.settled(requestId, 'anand', 'seen');
      expect(t.simulator.posts.at(-1)).toMatchObject({ accountSid: OTHER_ACCOUNT_SID });
    });

    it('POST :id/check asks Twilio', async () => {
      const { body: list } = await t.api().get('/v3/provider-instances');
      const { body: good } = await t
        .api()
        .post(`/v3/provider-instances/${list.items[0].id}/check`)
        .expect(200);
      expect(good).toEqual({ ok: true, credentials: { ok: true }, sender: { ok: true } });

      const { body: made } = await t
        .api()
        .post('/v3/provider-instances')
        .send({
          name: 'wrong',
          config: { ...config, TWILIO_AUTH_TOKEN: 'a-wrong-auth-token-here' },
        });
      const { body: wrong } = await t
        .api()
        .post(`/v3/provider-instances/${made.id}/check`)
        .expect(200);
      expect(wrong).toMatchObject({
        ok: false,
        credentials: { ok: false, explanation: expect.stringContaining('TWILIO_AUTH_TOKEN') },
      });

      const { body: foreign } = await t
        .api()
        .post('/v3/provider-instances')
        .send({ name: 'foreign', config });
      const { body: sender } = await t
        .api()
        .post(`/v3/provider-instances/${foreign.id}/check`)
        .expect(200);
      expect(sender).toMatchObject({
        ok: false,
        credentials: { ok: true },
        sender: { ok: false, explanation: expect.stringContaining(OTHER_SENDER) },
      });
    });
  });

  it.each([
    ['get', 'messages/%00', 400],
    ['get', 'messages/7', 400],
    ['post', 'messages/x/cancel', 400],
    ['post', "messages/' OR 1=1/resolve", 400],
    ['get', 'notifications/%E2%82%AC', 400],
    ['get', 'provider-instances/__proto__', 400],
    ['get', 'users/%00', 404],
    ['delete', 'users/%00', 404],
    ['get', 'users/%FF', 400],
    ['get', 'users?cursor=%00', 400],
    ['get', 'messages?recipient=%00', 400],
    ['get', 'messages?cursor=%00', 400],
    ['get', 'messages?requestId[]=1', 400],
    ['post', 'callbacks/twilio_whatsapp/%00', 403],
    ['post', 'callbacks/twilio_whatsapp/a/b/c/d', 403],
    ['post', 'callbacks/twilio_whatsapp/a/b/1/%00', 403],
  ] as const)('%s %s is no more than a %d', async (method, path, status) => {
    const { body } = await t.api()[method](`/v3/${path}`).expect(status);
    expect(body).toMatchObject({ statusCode: status, error: expect.any(String) });
  });

  it.each([
    ['post', 'notifications', `{"notification":{"title":"x"},"data":${nested(5000)}}`],
    ['post', 'notifications', `{"notification":${nested(5000)}}`],
    ['put', 'users/deep', nested(7000)],
    ['post', 'users', `{"identifier":"deep","profile":${nested(3000)}}`],
    ['post', 'provider-instances', `{"name":"deep","config":${nested(3000)}}`],
    ['put', 'users/large', JSON.stringify({ text: 'é'.repeat(40_000) })],
  ] as const)('%s %s refuses what no database should see', async (method, path, body) => {
    const sent = t.api()[method](`/v3/${path}`).set('Content-Type', 'application/json');
    const { body: answer } = await sent.send(body).expect(400);
    expect([answer.message].flat().join()).toMatch(/nested deeper|must not be longer/);
  });

  it('takes times with an offset', async () => {
    const requestId = await send(hello({ sendAt: '2030-01-31T09:30:00.5+05:30' }));
    expect(await t.settled(requestId, 'anand', 'queued')).toMatchObject({
      dueAt: '2030-01-31T04:00:00.500Z',
    });
  });

  it('tells a phone number that is no text or far too long from a missing one', async () => {
    for (const phoneNumber of [919988776655, { a: 1 }, `${'1'.repeat(159)}🙂🙂`]) {
      await t.api().put('/v3/users/odd').send({ phoneNumber }).expect(200);
      const requestId = await send(hello({ sendTo: { recipients: ['odd'] } }));
      expect(await t.settled(requestId, 'odd', 'discarded')).toMatchObject({
        reason: 'phone_invalid',
      });
    }
  });

  it('does not let a SID be given to two messages', async () => {
    t.simulator.script('+447700900121', { faults: ['errorBefore'] });
    const requestId = await send(
      hello({
        sendTo: { recipients: ['anand', { identifier: 'u2', phoneNumber: '+447700900121' }] },
      }),
    );
    const { sid } = await t.settled(requestId, 'anand', 'seen');
    const { id } = await t.settled(requestId, 'u2', 'unknown');
    await t
      .api()
      .post(`/v3/messages/${String(id)}/resolve`)
      .send({ status: 'sent', sid })
      .expect(409);
  });

  it('answers in JSON where there is nothing', async () => {
    const { body } = await t.api().get('/v3/nothing').expect(404);
    expect(body).toMatchObject({ statusCode: 404, error: 'Not Found' });
  });
});
