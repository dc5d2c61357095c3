import { jest } from '@jest/globals';
import type { INestApplication, LoggerService } from '@nestjs/common';
import dns from 'node:dns';
import { Database } from '../../src/database/database.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { CallbackClient, fields, sign } from '../support/callback-forms.js';

const MINUTE_MS = 60_000;

/** Keeps all that is logged from the boot on. */
function collect(lines: string[]): (app: INestApplication) => void {
  const keep = (...args: unknown[]) => void lines.push(args.map(String).join(' '));
  const logger: LoggerService = { log: keep, warn: keep, error: keep, debug: keep, verbose: keep };
  return (app) => app.useLogger(logger);
}

describe('a public URL with user name and password', () => {
  let t: TestApplication;
  let twilio: CallbackClient;
  const log: string[] = [];

  beforeAll(async () => {
    t = await startApplication({
      options: ({ url }) => ({ publicUrl: url.replace('//', '//user_1:geheim@') }),
      configure: collect(log),
    });
    twilio = new CallbackClient(t);
  });
  afterAll(() => t.stop());

  it('is what Twilio gets, and takes the callbacks that Twilio signs without them', async () => {
    const { body } = await t
      .api()
      .post('/v3/notifications')
      .send({
        notification: { title: 'Hello' },
        sendTo: { recipients: [{ identifier: 'ada', phoneNumber: '+447700900100' }] },
      })
      .expect(202);
    const message = await t.settled(body.requestId, 'ada', 'seen');
    const { form } = t.simulator.messages.get(String(message.sid))!;
    expect(form.get('StatusCallback')).toContain('//user_1:geheim@127.0.0.1:');
    expect(t.simulator.callbacks.map(({ httpStatus }) => httpStatus)).toEqual([204, 204, 204]);
  });

  it.each([
    ['with them', '+447700900103', (url: string) => url],
    ['without them', '+447700900104', (url: string) => url.replace(/\/\/.*@/, '//')],
  ])('is recognised in an event that names it %s', async (_case, phoneNumber, shown) => {
    t.simulator.script(phoneNumber, { faults: ['errorAfter'], statuses: [] });
    const { body } = await t
      .api()
      .post('/v3/notifications')
      .send({
        notification: { title: 'Hello' },
        sendTo: { recipients: [{ identifier: 'lost', phoneNumber }] },
      })
      .expect(202);
    const { id, instance } = await t.settled(body.requestId, 'lost', 'unknown');
    const { sid, form } = t.simulator.messagesTo(phoneNumber).at(-1)!;
    const event = {
      type: 'com.twilio.messaging.message.delivered',
      id: sid,
      data: { messageSid: sid, statusCallBackUrl: shown(form.get('StatusCallback')!) },
    };
    await twilio.postEvents(String(instance), [event]).expect(204);
    expect(await twilio.detail(String(id))).toMatchObject({ status: 'delivered', sid });
  });

  it('takes callbacks on the URL of an instance', async () => {
    const { id, sid, instance } = await twilio.sentMessage();
    const url = `${t.url}/v3/callbacks/twilio_whatsapp/${instance}`;
    await twilio.post(url, fields(sid, 'delivered')).expect(204);
    expect((await twilio.detail(id)).status).toBe('delivered');
  });

  it('refuses what is signed with another URL', async () => {
    const { sid, url } = await twilio.sentMessage();
    const form = fields(sid, 'delivered');
    const other = url.replace(/\/\/.*@/, '//evil:geheim@evil.');
    await twilio.post(url, form, sign(other, form)).expect(403);
  });

  it('is shown without the password', async () => {
    const { id, instance } = await twilio.sentMessage();
    const { request } = (await twilio.detail(id)) as { request?: Record<string, string> };
    expect(request!.StatusCallback).toContain('//user_1:••••@127.0.0.1:');
    const { body } = await t.api().get(`/v3/provider-instances/${instance}`).expect(200);
    expect(body.callbackUrl).toContain('//user_1:••••@127.0.0.1:');
    expect(log.join()).not.toContain('geheim');
  });
});

describe('a public URL that Twilio cannot reach', () => {
  let t: TestApplication;
  const log: string[] = [];
  const { lookup } = dns;

  beforeAll(async () => {
    // To the application it is Twilio itself.
    jest
      .spyOn(dns, 'lookup')
      .mockImplementation(((host: string, ...rest: [never]) =>
        lookup(host === 'api.twilio.com' ? '127.0.0.1' : host, ...rest)) as typeof dns.lookup);
    t = await startApplication({
      options: ({ twilioApiUrl }) => ({
        twilioApiUrl: twilioApiUrl.replace('127.0.0.1', 'api.twilio.com'),
      }),
      configure: collect(log),
    });
  });
  afterAll(async () => {
    await t.stop();
    jest.restoreAllMocks();
  });

  const send = async (identifier: string, override?: object) => {
    const { body } = await t
      .api()
      .post('/v3/notifications')
      .send({
        notification: { title: 'Hello' },
        sendTo: { recipients: [{ identifier, phoneNumber: '+447700900100' }] },
        ...(override && { override: { twilio_whatsapp: override } }),
      })
      .expect(202);
    return String(body.requestId);
  };

  it('is warned about at boot, with what to do', () => {
    expect(log.filter((line) => line.includes('publicUrl'))).toEqual([
      expect.stringMatching(/cannot reach.*127\.0\.0\.1.*tunnel.*PUBLIC_URL/),
    ]);
  });

  it('is kept from Twilio, which is asked after a minute', async () => {
    const requestId = await send('ada');
    const message = await t.settled(requestId, 'ada', 'sent');
    const { form } = t.simulator.messages.get(String(message.sid))!;
    expect(form.has('StatusCallback')).toBe(false);
    const waits = 'SELECT due_at - sent_at AS wait FROM twilio_whatsapp_message WHERE id = ?';
    const database = t.app.get(Database, { strict: false });
    expect(await database.query(waits, String(message.id))).toEqual([{ wait: MINUTE_MS }]);
    const { body } = await t
      .api()
      .get(`/v3/messages/${String(message.id)}`)
      .expect(200);
    expect(body.request).not.toHaveProperty('StatusCallback');

    await t.simulator.idle();
    await database.query(
      'UPDATE twilio_whatsapp_message SET due_at = 1 WHERE request_id = ?',
      requestId,
    );
    expect(await t.settled(requestId, 'ada', 'seen')).toMatchObject({ sid: message.sid });
  });

  it('does not keep a caller from naming a URL of their own', async () => {
    const StatusCallback = 'https://caller.example.com/hook';
    const message = await t.settled(await send('eve', { StatusCallback }), 'eve', 'sent');
    const { form } = t.simulator.messages.get(String(message.sid))!;
    expect(form.get('StatusCallback')).toBe(StatusCallback);
  });
});
