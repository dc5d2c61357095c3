import { setTimeout as delay } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { freePort } from '../../src/app/demo/free-port.js';
import { TwilioSimulator } from '../../src/simulator/index.js';
import { seededRandom } from '../../src/simulator/random.js';
import { createDatabase } from '../support/databases.js';
import { ChaosNode } from './cluster.js';

export interface KillRun {
  /** `sqlite`, or the URL of a server. */
  readonly database: string;
  readonly nodes: number;
  readonly kills: number;
  readonly seed: number;
  readonly resendsAmbiguous?: boolean;
}

/** What a run came to, held against what the simulated Twilio knows. */
export interface KillReport {
  readonly kills: number;
  readonly accepted: number;
  /** Accepted notifications whose message is gone or has no fate. */
  readonly lost: number;
  /** Messages that Twilio has more than once. */
  readonly sentTwice: number;
  /** Messages whose status is not what Twilio knows. */
  readonly lies: number;
  readonly unknown: number;
  /** Of those unknown, the ones that Twilio has: their callback came while nobody listened. */
  readonly unknownButSent: number;
}

const ACCOUNT_SID = `AC${'d'.repeat(32)}`;
const AUTH_TOKEN = 'not-a-real-auth-token';
const API = { key: 'chaos-key', secret: 'chaos-secret' };
const REQUEST_TIMEOUT_MS = 600;
const CLIENTS = 8;
const SETTLE_MS = 60_000;

interface Shown {
  status: string;
  sid?: string;
}

/** Kills processes at random while notifications flow, then holds every one of them against the truth. */
export async function runKills({
  database: url,
  nodes: count,
  kills,
  seed,
  resendsAmbiguous = false,
}: KillRun): Promise<KillReport> {
  const random = seededRandom(seed);
  const simulator = await new TwilioSimulator({
    accounts: [{ accountSid: ACCOUNT_SID, authToken: AUTH_TOKEN }],
    seed,
    callbackDelayMs: 10,
    faultRates: {
      tooManyRequests: 0.05,
      errorBefore: 0.02,
      errorAfter: 0.02,
      resetBefore: 0.02,
      resetAfter: 0.02,
      hangBefore: 0.01,
      hangAfter: 0.01,
      malformedAfter: 0.02,
    },
  }).start();
  const database = await createDatabase(url);
  const dataSource = await new DataSource(database.options).initialize();
  await dataSource.runMigrations();
  await dataSource.destroy();

  const ports = await Promise.all(Array.from({ length: count }, freePort));
  const nodes = ports.map(
    (port) =>
      new ChaosNode({
        port,
        databaseUrl: database.url,
        resendsAmbiguous,
        whatsapp: {
          publicUrl: `http://127.0.0.1:${ports[0]}`,
          encryptionKeys: [Buffer.alloc(32, 9).toString('base64')],
          api: API,
          provider: {
            TWILIO_ACCOUNT_SID: ACCOUNT_SID,
            TWILIO_AUTH_TOKEN: AUTH_TOKEN,
            TWILIO_FROM_NUMBER: '+14155238886',
          },
          twilioApiUrl: simulator.url,
          delivery: { requestTimeoutMs: REQUEST_TIMEOUT_MS, pollIntervalMs: 50 },
        },
      }),
  );
  for (const node of nodes) await node.start();

  const requests = new Map<string, string>();
  const over = new AbortController();
  let next = 0;
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!over.signal.aborted) {
      const recipient = `whatsapp:US.user${next++}`;
      simulator.script(recipient, { retryAfter: 0 });
      requests.set(recipient, await accept(nodes, recipient, random));
      await delay(20);
    }
  });
  for (let killed = 0; killed < kills; killed++) {
    const node = nodes[Math.floor(random() * nodes.length)];
    await delay(60 + random() * 400);
    await node.kill();
    await node.start();
  }
  over.abort();
  await Promise.all(clients);
  const report = await settle(nodes[0], simulator, requests, kills);
  for (const node of nodes) await node.stop();
  await simulator.stop();
  await database.drop();
  return report;
}

/** Asks until somebody accepts, under a key that makes the repetition harmless: a client cannot know more. */
async function accept(
  nodes: readonly ChaosNode[],
  recipient: string,
  random: () => number,
): Promise<string> {
  for (;;) {
    const node = nodes[Math.floor(random() * nodes.length)];
    try {
      const answer = await call(
        node,
        'POST',
        'notifications',
        {
          notification: { title: 'Chaos' },
          sendTo: { recipients: [{ identifier: recipient, phoneNumber: recipient }] },
        },
        recipient,
      );
      return (answer as { requestId: string }).requestId;
    } catch {
      // Whoever was asked is gone: that is what this is about.
      await delay(20);
    }
  }
}

async function settle(
  node: ChaosNode,
  simulator: TwilioSimulator,
  requests: ReadonlyMap<string, string>,
  kills: number,
): Promise<KillReport> {
  const report = {
    kills,
    accepted: requests.size,
    lost: 0,
    sentTwice: 0,
    lies: 0,
    unknown: 0,
    unknownButSent: 0,
  };
  await simulator.idle();
  const deadline = Date.now() + SETTLE_MS;
  for (const [recipient, requestId] of requests) {
    let shown = await look(node, requestId);
    while ((!shown || ['queued', 'sending'].includes(shown.status)) && Date.now() < deadline) {
      await delay(50);
      shown = await look(node, requestId);
    }
    const sent = simulator.messagesTo(recipient);
    if (!shown || ['queued', 'sending'].includes(shown.status)) report.lost++;
    else if (shown.status === 'unknown') {
      report.unknown++;
      if (sent.length > 0) report.unknownButSent++;
    } else if (
      shown.status === 'discarded' ? sent.length > 0 : !sent.some(({ sid }) => sid === shown.sid)
    ) {
      report.lies++;
    }
    if (sent.length > 1) report.sentTwice++;
  }
  return report;
}

async function look(node: ChaosNode, requestId: string): Promise<Shown | undefined> {
  const { messages } = (await call(node, 'GET', `notifications/${requestId}`)) as {
    messages: { items: Shown[] };
  };
  return messages.items[0];
}

async function call(
  node: ChaosNode,
  method: string,
  path: string,
  body?: object,
  key?: string,
): Promise<unknown> {
  const response = await fetch(`${node.url}/${path}`, {
    method,
    headers: {
      'X-ENGAGESPOT-API-KEY': API.key,
      'X-ENGAGESPOT-API-SECRET': API.secret,
      ...(body && { 'Content-Type': 'application/json' }),
      ...(key && { 'Idempotency-Key': key }),
    },
    body: body && JSON.stringify(body),
  });
  const answer: unknown = await response.json();
  if (!response.ok) throw new Error(JSON.stringify(answer));
  return answer;
}
