import twilio from 'twilio';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { validateRequest } from 'twilio/lib/webhooks/webhooks.js';
import { TwilioTransport } from '../../src/twilio/transport.js';
import { TwilioSimulator, type Fate } from '../../src/simulator/index.js';
import {
  ACCOUNT_SID,
  AUTH_TOKEN,
  OTHER_ACCOUNT_SID,
  OTHER_AUTH_TOKEN,
  SENDER,
} from '../support/application.js';

describe('the simulator', () => {
  let simulator: TwilioSimulator;
  let transport: TwilioTransport;
  let receiver: Server;
  let callbackUrl: string;
  const received: { fields: Record<string, string>; isSigned: boolean }[] = [];

  beforeAll(async () => {
    simulator = await new TwilioSimulator({
      accounts: [
        { accountSid: ACCOUNT_SID, authToken: AUTH_TOKEN, senders: [SENDER] },
        { accountSid: OTHER_ACCOUNT_SID, authToken: OTHER_AUTH_TOKEN },
      ],
      callbackDelayMs: 1,
    }).start();
    transport = new TwilioTransport({ apiUrl: simulator.url, timeoutMs: 2000 });
    receiver = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      const fields = Object.fromEntries(new URLSearchParams(body));
      const signature = String(request.headers['x-twilio-signature']);
      received.push({
        fields,
        isSigned: validateRequest(AUTH_TOKEN, signature, callbackUrl, fields),
      });
      response.writeHead(204).end();
    }).listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    callbackUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  });
  afterAll(async () => {
    await simulator.stop();
    await transport.destroy();
    receiver.close();
  });
  beforeEach(() => void received.splice(0));

  const client = (sid = ACCOUNT_SID, token = AUTH_TOKEN) =>
    twilio(sid, token, { httpClient: transport as never });
  const create = (params: object = {}, sid?: string, token?: string) =>
    client(sid, token).messages.create({
      to: 'whatsapp:+447700900100',
      from: `whatsapp:${SENDER}`,
      body: 'Hello',
      statusCallback: callbackUrl,
      ...params,
    });

  it('accepts what the SDK sends, and lists and fetches it', async () => {
    const { sid, status } = await create();
    expect(status).toBe('queued');
    expect(await client().messages(sid).fetch()).toMatchObject({
      sid,
      body: 'Hello',
      to: 'whatsapp:+447700900100',
    });
    expect(await client().messages.list({ to: 'whatsapp:+447700900100', limit: 5 })).toContainEqual(
      expect.objectContaining({ sid }),
    );
    expect(await client().api.accounts(ACCOUNT_SID).fetch()).toMatchObject({ status: 'active' });
    await simulator.idle();
  });

  it('signs its callbacks as Twilio does', async () => {
    const { sid } = await create();
    await simulator.idle();
    expect(received.map(({ fields }) => [fields.MessageSid, fields.MessageStatus])).toEqual([
      [sid, 'sent'],
      [sid, 'delivered'],
      [sid, 'read'],
    ]);
    expect(received.every(({ isSigned }) => isSigned)).toBe(true);
  });

  it.each([
    [21604, { to: '' }],
    [21211, { to: 'whatsapp:0123' }],
    [21211, { to: '+447700900100' }],
    [21603, { from: undefined }],
    [63007, { from: 'whatsapp:+14155238899' }],
    [21619, { body: undefined }],
    [21654, { contentVariables: '{}' }],
    [21655, { contentSid: 'HX1' }],
    [21656, { contentSid: `HX${'1'.repeat(32)}`, contentVariables: 'x' }],
    [21617, { body: 'x'.repeat(1601) }],
    [21623, { mediaUrl: Array.from({ length: 11 }, (_, index) => `https://a.example/${index}`) }],
    [21609, { statusCallback: 'http://under_score.example/' }],
    [21211, { to: 'whatsapp:+447700900211' }],
  ])('refuses with %d: %j', async (code, params) => {
    // The SDK checks some parameters by itself, so the form is posted past that.
    const form: Record<string, unknown> = {
      To: 'whatsapp:+447700900100',
      From: `whatsapp:${SENDER}`,
      Body: 'Hello',
    };
    for (const [name, value] of Object.entries(params)) {
      const key = name.charAt(0).toUpperCase() + name.slice(1);
      if (value === undefined) delete form[key];
      else form[key] = value;
    }
    const response = await client().request({
      method: 'post',
      uri: `https://api.twilio.com/2010-04-01/Accounts/${ACCOUNT_SID}/Messages.json`,
      data: form,
    });
    expect({ statusCode: response.statusCode, ...JSON.parse(response.body) }).toMatchObject({
      statusCode: 400,
      code,
    });
  });

  it('knows its accounts', async () => {
    await expect(create({}, ACCOUNT_SID, 'a-wrong-token-altogether')).rejects.toMatchObject({
      status: 401,
      code: 20003,
    });
    const foreign = client().request({
      method: 'get',
      uri: `https://api.twilio.com/2010-04-01/Accounts/${OTHER_ACCOUNT_SID}.json`,
    });
    expect((await foreign).statusCode).toBe(404);
    await expect(
      client()
        .messages(`SM${'0'.repeat(32)}`)
        .fetch(),
    ).rejects.toMatchObject({ status: 404 });
  });

  it.each<[string, Fate, string[]]>([
    [
      'reports failures twice',
      { statuses: ['sent', 'undelivered', 'failed'], errorCode: 63016 },
      ['sent', 'undelivered', 'failed'],
    ],
    ['repeats', { statuses: ['sent'], callbacks: { times: 3 } }, ['sent', 'sent', 'sent']],
    ['drops', { callbacks: { dropped: true } }, []],
  ])('%s', async (_case, fate, statuses) => {
    simulator.script('+447700900150', fate);
    await create({ to: 'whatsapp:+447700900150' });
    await simulator.idle();
    expect(received.map(({ fields }) => fields.MessageStatus)).toEqual(statuses);
    if (fate.errorCode)
      expect(received.at(-1)?.fields).toMatchObject({ ErrorCode: '63016', ErrorMessage: '' });
  });

  it('calls back before it answers', async () => {
    simulator.script('+447700900151', { callbacks: { early: true } });
    await create({ to: 'whatsapp:+447700900151' });
    expect(received).toHaveLength(3);
  });

  it('is the same twice with the same seed', async () => {
    const run = async (seed: number) => {
      const twin = await new TwilioSimulator({
        accounts: [{ accountSid: ACCOUNT_SID, authToken: AUTH_TOKEN }],
        seed,
        callbackDelayMs: 0,
        faultRates: { errorBefore: 0.3, tooManyRequests: 0.3 },
      }).start();
      const http = new TwilioTransport({ apiUrl: twin.url, timeoutMs: 2000 });
      const sdk = twilio(ACCOUNT_SID, AUTH_TOKEN, { httpClient: http as never });
      for (let count = 0; count < 20; count++) {
        await sdk.messages
          .create({ to: 'whatsapp:+447700900100', from: SENDER, body: 'x' })
          .catch(() => undefined);
      }
      await twin.stop();
      await http.destroy();
      return twin.posts.map(({ fault }) => fault ?? 'none');
    };
    const faults = await run(7);
    expect(new Set(faults).size).toBeGreaterThan(1);
    expect(await run(7)).toEqual(faults);
    expect(await run(8)).not.toEqual(faults);
  });
});
