import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { TwilioGateway } from './twilio.gateway.js';

const CREDENTIALS = { accountSid: `AC${'a'.repeat(32)}`, authToken: 'not-a-real-auth-token' };
const TO = '+447700900100';
const entry = { sid: `SM${'1'.repeat(32)}`, status: 'sent', direction: 'outbound-api', body: 'Hi' };

describe('TwilioGateway', () => {
  let server: Server;
  let gateway: TwilioGateway;
  let answer = '';

  beforeAll(async () => {
    server = createServer((_request, response) => response.end(answer)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    gateway = new TwilioGateway({
      twilioApiUrl: `http://127.0.0.1:${port}`,
      delivery: { requestTimeoutMs: 10_000 },
    } as TwilioWhatsappOptions);
  });
  afterAll(async () => {
    await gateway.onApplicationShutdown();
    server.close();
    server.closeAllConnections();
  });

  it.each([
    ['a page of HTML', '<html>secret</html>'],
    ['null', 'null'],
    ['no list', '{"messages":{}}'],
    ['nothing', ''],
  ])('takes %s for no answer', async (_case, body) => {
    answer = body;
    expect(await gateway.list(CREDENTIALS, TO, null)).toBeUndefined();
    expect(await gateway.fetch(CREDENTIALS, entry.sid)).toBeUndefined();
    const apiKey = { sid: `SK${'a'.repeat(32)}`, secret: 'not-a-real-secret' };
    for (const credentials of [CREDENTIALS, { ...CREDENTIALS, apiKey }]) {
      expect(await gateway.check(credentials, TO)).toMatchObject({
        ok: false,
        credentials: {
          ok: false,
          explanation: expect.stringContaining('not what Twilio documents'),
        },
      });
    }
  });

  it.each([
    ['null', null],
    ['a text', 'SM'],
    ['an entry without a SID', { ...entry, sid: undefined }],
    ['an entry with a status of another form', { ...entry, status: 7 }],
  ])('says that a list with %s could not be read in full', async (_case, odd) => {
    answer = JSON.stringify({ messages: [odd, entry] });
    const list = await gateway.list(CREDENTIALS, TO, null);
    expect(list).toMatchObject({ isReadable: false, messages: [{ sid: entry.sid }] });
  });

  it('tells the last page from one that is followed by others', async () => {
    const list = async (messages: object[], next_page_uri: string | null) => {
      answer = JSON.stringify({ messages, next_page_uri });
      return gateway.list(CREDENTIALS, TO, null);
    };
    const full = Array.from({ length: 50 }, () => entry);
    expect(await list([entry], null)).toMatchObject({ isReadable: true, isLastPage: true });
    expect(await list([entry], '/2010-04-01/next')).toMatchObject({ isLastPage: false });
    expect(await list(full, null)).toMatchObject({ isLastPage: false });
    expect(await list(full.with(0, null as never), null)).toMatchObject({ isLastPage: false });
  });

  it.each([
    ['no list of senders', { senders: null }],
    ['a list with null', { senders: [null] }],
  ])('does not call a configuration good after %s', async (_case, senders) => {
    answer = JSON.stringify({ status: 'active', ...senders });
    expect(await gateway.check(CREDENTIALS, TO)).toMatchObject({ ok: false });
  });
});
