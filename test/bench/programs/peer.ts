import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ACCOUNT_SID, SENDER, TEXT } from '../fixtures.js';
import { serve } from '../harness/program.js';

/** A Twilio that accepts everything and costs as little as it can: what is measured is on the other side. */
export type Peer = {
  url(): string;
  /** Milliseconds before each answer. */
  delay(ms: number): void;
};

let delayMs = 0;
const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const answer = () => {
    response.writeHead(201, { 'Content-Type': 'application/json', 'Content-Length': LENGTH });
    response.end(HEAD + randomUUID().replaceAll('-', '') + TAIL);
  };
  request.resume();
  request.once('end', () => (delayMs === 0 ? answer() : setTimeout(answer, delayMs)));
});
const MESSAGE = {
  sid: 'SM',
  account_sid: ACCOUNT_SID,
  api_version: '2010-04-01',
  body: TEXT,
  date_created: 'Thu, 24 Aug 2023 05:01:45 +0000',
  date_sent: null,
  date_updated: 'Thu, 24 Aug 2023 05:01:45 +0000',
  direction: 'outbound-api',
  error_code: null,
  error_message: null,
  from: `whatsapp:${SENDER}`,
  messaging_service_sid: null,
  num_media: '0',
  num_segments: '1',
  price: null,
  price_unit: null,
  status: 'queued',
  subresource_uris: { media: `/2010-04-01/Accounts/${ACCOUNT_SID}/Messages/Media.json` },
  to: 'whatsapp:+12005550100',
  uri: `/2010-04-01/Accounts/${ACCOUNT_SID}/Messages.json`,
};
const [HEAD, TAIL] = JSON.stringify(MESSAGE)
  .split('"SM"')
  .map((part, index) => (index === 0 ? `${part}"SM` : `"${part}`));
const LENGTH = HEAD.length + 32 + TAIL.length;

server.listen(0, '127.0.0.1');
await once(server, 'listening');
serve({
  url: () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  delay: (ms: number) => {
    delayMs = ms;
  },
} satisfies Peer);
