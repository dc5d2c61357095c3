import { setTimeout as delay } from 'node:timers/promises';
import { call } from '../api-client.js';
import { nodesOn, type ChaosForm } from '../chaos-form.js';
import { ChaosRun } from '../chaos-run.js';
import { INSTANCES } from '../settings.js';

const RATE = 80;
const BURST = 8;
const TOLERANCE = 1.05;
const BACKLOG = 1500;
const LARGE_BACKLOG = 100_000;
const RECIPIENTS_PER_REQUEST = 10_000;
const SINGLES = 10;
const LONGEST_DELAY_MS = 2000;
const PATIENCE_MS = 60_000;

/** Nodes share the pace of a sender, whose backlog delays nobody else. */
export const pacing: ChaosForm = {
  times: 1,
  stores: ['PostgreSQL', 'MariaDB'],
  async run({ store, databaseUrl, seed }) {
    const run = await ChaosRun.start({
      databaseUrl,
      seed,
      nodes: nodesOn(store),
      simulator: { faultRates: {}, latencyMs: 0 },
      // However busy the machine is, every message is to be sent.
      whatsapp: { delivery: { requestTimeoutMs: 20_000 } },
    });
    try {
      await createSlow(run);
      await send(run, BACKLOG);
      await run.activity(BACKLOG - run.simulator.posts.length);
      const times = run.simulator.posts.map(({ at }) => at);
      const mostInASecond = densest(times);
      // The burst comes at once; the pace is that of the others.
      const seconds = (times.at(-1)! - times[0]) / 1000;
      const perSecond = Math.round(((times.length - BURST) / seconds) * 10) / 10;

      for (let sent = 0; sent < LARGE_BACKLOG; sent += RECIPIENTS_PER_REQUEST) {
        await send(run, RECIPIENTS_PER_REQUEST);
      }
      const delays: number[] = [];
      for (let single = 0; single < SINGLES; single++) {
        delays.push(await singleDelay(run, single));
        await delay(200);
      }
      const longestDelayMs = Math.max(...delays);
      return {
        isKept:
          times.length === BACKLOG &&
          mostInASecond <= (RATE + BURST) * TOLERANCE &&
          longestDelayMs <= LONGEST_DELAY_MS,
        figures: {
          messages: times.length,
          rate: RATE,
          burst: BURST,
          mostInASecond,
          perSecond,
          backlog: LARGE_BACKLOG,
          singles: SINGLES,
          longestDelayMs,
        },
      };
    } finally {
      await run.stop();
    }
  },
};

const SLOW = 'slow';

async function createSlow({ nodes }: ChaosRun): Promise<void> {
  const [{ account, fromNumber }] = INSTANCES;
  await call(nodes[0].url, 'POST', 'provider-instances', {
    body: {
      name: SLOW,
      messagesPerSecond: RATE,
      config: {
        TWILIO_ACCOUNT_SID: account.accountSid,
        TWILIO_AUTH_TOKEN: account.authToken,
        TWILIO_FROM_NUMBER: fromNumber,
      },
    },
  });
}

let next = 0;

async function send({ nodes }: ChaosRun, count: number): Promise<void> {
  const addresses = Array.from({ length: count }, () => `whatsapp:US.backlog${next++}`);
  await call(nodes[0].url, 'POST', 'notifications', {
    body: notification(SLOW, addresses),
    patienceMs: PATIENCE_MS,
  });
}

/** Milliseconds from the moment a message is handed over until Twilio meets it. */
async function singleDelay(run: ChaosRun, no: number): Promise<number> {
  const address = `whatsapp:US.single${no}`;
  const begun = Date.now();
  await call(run.nodes[no % run.nodes.length].url, 'POST', 'notifications', {
    body: notification(INSTANCES[1].name, [address]),
    patienceMs: PATIENCE_MS,
  });
  return (await run.posted(address)) - begun;
}

const notification = (instance: string, addresses: readonly string[]) => ({
  notification: { title: 'Chaos' },
  sendTo: {
    recipients: addresses.map((address) => ({ identifier: address, phoneNumber: address })),
  },
  override: { twilio_whatsapp: { _instance: instance } },
});

/** The greatest number of instants in any one second. */
function densest(times: readonly number[]): number {
  let most = 0;
  for (let first = 0, last = 0; last < times.length; last++) {
    while (times[last] - times[first] >= 1000) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
