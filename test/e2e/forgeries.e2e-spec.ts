import request from 'supertest';
import type { Server } from 'node:http';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { Database } from '../../src/database/database.js';
import { MessageLedger } from '../../src/delivery/ledger.js';
import {
  ACCOUNT_SID,
  PLATFORMS,
  startApplication,
  type TestApplication,
} from '../support/application.js';
import { whenClockIsAhead } from '../support/clock.js';
import { CallbackClient, fields, sign, type SentMessage } from '../support/callback-forms.js';

describe.each(PLATFORMS)('forgeries on %s', (platform) => {
  let t: TestApplication;
  let twilio: CallbackClient;
  let message: SentMessage;
  let instanceUrl: string;
  const statements: string[] = [];

  beforeAll(async () => {
    t = await startApplication({
      platform,
      dataSource: (options) =>
        ({
          ...options,
          verbose: (sql: string) => statements.push(sql),
        }) as DataSourceOptions,
      // The engine looks at the database once, and then not for a minute.
      options: { delivery: { pollIntervalMs: 60_000 } },
    });
    twilio = new CallbackClient(t);
    message = await twilio.sentMessage();
    instanceUrl = `${t.url}/v3/callbacks/twilio_whatsapp/${message.instance}`;
  });
  afterAll(() => t.stop());

  const HEADERS: Record<string, string>[] = [
    { Host: 'evil.example.com' },
    { 'X-Forwarded-Host': 'evil.example.com', 'X-Forwarded-Proto': 'https' },
    { 'X-Forwarded-For': '192.0.2.1', 'X-Forwarded-Port': '443', 'X-Forwarded-Path': '/x' },
    { Forwarded: 'for=192.0.2.1;host=evil.example.com;proto=https' },
    { 'X-Original-URL': '/v3/evil', 'X-Rewrite-URL': '/v3/evil' },
  ];

  it.each(HEADERS)('decides the same whatever the request says of itself: %j', async (headers) => {
    const form = fields(message.sid, 'queued');
    await twilio.post(message.url, form).set(headers).expect(204);
    const evil = message.url.replace(/^http:\/\/[^/]+/, 'https://evil.example.com');
    await twilio.post(message.url, form, sign(evil, form)).set(headers).expect(403);
    await twilio.post(instanceUrl, form).set(headers).expect(204);
    await twilio
      .post(
        instanceUrl,
        form,
        sign(`https://evil.example.com${new URL(instanceUrl).pathname}`, form),
      )
      .set(headers)
      .expect(403);
  });

  /** The signature looks like one. */
  const forgeInstanceCallback = () => {
    const form = fields(message.sid, 'read');
    return twilio.post(instanceUrl, form, sign(instanceUrl, form, 'another-auth-token'));
  };

  it('asks the database nothing about URLs that we did not make, and signatures that are none', async () => {
    const { url, sid, id, instance } = message;
    const mac = url.split('/').at(-1)!;
    const base = `${t.url}/v3/callbacks/twilio_whatsapp`;
    const forged = [
      `${url.slice(0, -1)}${url.endsWith('A') ? 'B' : 'A'}`,
      `${url}A`,
      url.slice(0, -4),
      `${base}/${instance}/${id}/2/${mac}`,
      `${base}/${instance}/${id.replace(/.$/, '0')}1/1/${mac}`,
      `${base}/${id}/${instance}/1/${mac}`,
      `${base}/${instance}/${id}/01/${mac}`,
      `${base}/${instance}/${id}/x/${mac}`,
      `${base}/${instance}AccountSid${ACCOUNT_SID}`,
      `${base}/not-an-instance`,
    ];
    await twilio.post(url, fields(sid, 'sent')).expect(204);
    await forgeInstanceCallback().expect(403);
    statements.length = 0;
    await whenClockIsAhead(1500, async () => {
      for (let round = 0; round < 10; round++) {
        for (const address of forged) await twilio.post(address, fields(sid, 'read')).expect(403);
        for (const address of [instanceUrl, url]) {
          await twilio.post(address, fields(sid, 'read'), 'garbage').expect(403);
          await twilio.post(address, fields(sid, 'read'), '').expect(403);
        }
      }
    });
    expect(statements).toEqual([]);
    // The look-out works: what is Twilio's reaches the database.
    await twilio.post(url, fields(sid, 'sending')).expect(204);
    expect(statements.length).toBeGreaterThan(0);
  });

  it('asks the database once a second about the URL of an instance, however often it is called', async () => {
    await forgeInstanceCallback().expect(403);
    statements.length = 0;
    await whenClockIsAhead(1500, async () => {
      for (let times = 0; times < 10; times++) await forgeInstanceCallback().expect(403);
    });
    expect(statements).toHaveLength(1);
  });

  it.each(['', 'short', 'not-a-real-auth-token-0009'])(
    'refuses what "%s" signed',
    async (token) => {
      const form = fields(message.sid, 'read');
      for (const url of [message.url, instanceUrl]) {
        await twilio.post(url, form, sign(url, form, token)).expect(403);
      }
    },
  );

  describe('that reuse a signature', () => {
    /** The genuine failure that somebody has seen, on the URL of the attempt. */
    const genuine = () => ({
      ...fields(message.sid, 'undelivered', { ErrorCode: '63016' }),
      ChannelToAddress: '+44770090XXXX',
      From: 'whatsapp:+14155238886',
      To: 'whatsapp:+447700900100',
    });
    const signature = () => sign(message.url, genuine());
    const without = (...names: string[]) =>
      Object.fromEntries(Object.entries(genuine()).filter(([name]) => !names.includes(name)));
    const tail = () =>
      Object.entries(genuine())
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, value]) => name + value)
        .join('');

    it.each<[string, () => { url?: string; form: Record<string, string | string[]> }]>([
      [
        'a name that went into the value before it',
        () => ({
          form: {
            ...without('ChannelToAddress', 'ErrorCode'),
            ChannelToAddress: '+44770090XXXXErrorCode63016',
          },
        }),
      ],
      [
        'a value that went into the name before it',
        () => ({ form: { ...without('MessageStatus'), MessageStatusun: 'delivered' } }),
      ],
      [
        'a status whose end is a name',
        () => ({
          form: {
            ...without('MessageStatus', 'SmsSid', 'SmsStatus', 'To'),
            MessageStatus: 'undeliver',
            edSmsSid: `${message.sid}SmsStatusundeliveredTowhatsapp:+447700900100`,
          },
        }),
      ],
      ['all fields in the path', () => ({ url: message.url + encodeURI(tail()), form: {} })],
      [
        'the end of the path in a name',
        () => ({
          url: message.url.slice(0, -1),
          form: { [`${message.url.at(-1)!}AccountSid`]: ACCOUNT_SID, ...without('AccountSid') },
        }),
      ],
      [
        'a field that is repeated',
        () => ({ form: { ...genuine(), MessageStatus: ['undelivered', 'undelivered'] } }),
      ],
      ['another port', () => ({ form: { ...genuine(), Port: '1' } })],
      [
        'a status on another message',
        () => ({ form: { ...genuine(), MessageSid: `SM${'9'.repeat(32)}` } }),
      ],
    ])('with %s', async (_case, forge) => {
      const { url = message.url, form } = forge();
      const before = await twilio.detail(message.id);
      await twilio.post(url, form, signature()).expect(403);
      expect(await twilio.detail(message.id)).toEqual(before);
    });

    it('for another port', async () => {
      const other = await twilio.sentMessage();
      const form = fields(other.sid, 'read');
      const elsewhere = other.url.replace(/:\d+\//, ':9/');
      await twilio.post(other.url, form, sign(elsewhere, form)).expect(403);
      await twilio.post(other.url, form, sign(other.url.replace(/:\d+\//, '/'), form)).expect(403);
    });

    it('for a body that a parser would nest', async () => {
      const form = fields(message.sid, 'read', { Extra: '[object Object]' });
      await request(t.app.getHttpServer())
        .post(new URL(message.url).pathname)
        .set({
          'Content-Type': 'application/x-www-form-urlencoded',
          'X-Twilio-Signature': sign(message.url, form),
        })
        .send(`${new URLSearchParams(fields(message.sid, 'read')).toString()}&Extra[a]=b`)
        .expect(403);
    });
  });

  it('of what is signed and says nothing about a message are refused', async () => {
    const received = { SmsStatus: 'received', Body: 'hi', AccountSid: ACCOUNT_SID };
    await twilio.post(message.url, received).expect(403);
    await twilio.post(message.url, {}).expect(403);
    await twilio.post(message.url, fields('SM1', 'read')).expect(403);
  });

  it('do not keep what comes beside them from being stored, in one transaction', async () => {
    const [victim, thief, ...others] = await twilio.sentMessages(30);
    const ledger = t.app.get(MessageLedger, { strict: false });
    // A SID can be brought by one message only: the database refuses that another brings it again.
    const lost = await t
      .api()
      .post('/v3/notifications')
      .send({
        notification: { title: 'x' },
        sendTo: { recipients: [{ identifier: 'later', phoneNumber: '+447700900170' }] },
        sendAt: new Date(Date.now() + 3_600_000).toISOString(),
      })
      .expect(202);
    const { body: list } = await t.api().get(`/v3/messages?requestId=${lost.body.requestId}`);
    await t.app
      .get(Database, { strict: false })
      .query(
        'INSERT INTO twilio_whatsapp_attempt (message_id, no, started_at) VALUES (?, 1, 0)',
        list.items[0].id,
      );
    const poisonous = ledger.record(list.items[0].id, {
      kind: 'reported',
      matchedBy: 'url',
      attempt: 1,
      at: Date.now(),
      source: 'callback',
      sid: victim.sid,
      providerStatus: 'delivered',
      type: 'delivered',
    });
    const [answers, poison] = await Promise.all([
      Promise.all([thief, ...others].map(({ url, sid }) => twilio.post(url, fields(sid, 'read')))),
      poisonous,
    ]);
    expect(poison).toMatchObject({ applied: true, state: { status: 'delivered' } });
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 204));
  });

  it('and callbacks in flight share a transaction', async () => {
    const messages = await twilio.sentMessages(40);
    const ledger = t.app.get(MessageLedger, { strict: false });
    statements.length = 0;
    await Promise.all(
      messages.map(({ id, sid }) =>
        ledger.record(id, {
          kind: 'reported',
          at: Date.now(),
          source: 'callback',
          sid,
          providerStatus: 'read',
          type: 'seen',
          matchedBy: 'sid',
        }),
      ),
    );
    expect(statements.filter((sql) => sql === 'COMMIT')).toHaveLength(1);
  });

  it('and callbacks that come while the database is busy are stored together', async () => {
    const messages = await twilio.sentMessages(40);
    const dataSource = t.app.get(DataSource, { strict: false });
    let arrived = 0;
    const server = t.app.getHttpServer() as unknown as Server;
    server.on('request', () => arrived++);
    // The module waits while the host has a transaction open on SQLite's one connection.
    await dataSource.query('BEGIN');
    const answers = messages.map(({ url, sid }) =>
      twilio.post(url, fields(sid, 'delivered')).expect(204).then(),
    );
    while (arrived < messages.length) await new Promise(setImmediate);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    statements.length = 0;
    await dataSource.query('COMMIT');
    await Promise.all(answers);
    expect(statements.filter((sql) => sql === 'COMMIT').length).toBeLessThan(messages.length / 2);
  });
});
