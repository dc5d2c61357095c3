import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { freePort } from '../../src/app/demo/free-port.js';
import { TwilioSimulator, type SimulatorOptions } from '../../src/simulator/index.js';
import { seededRandom, type Random } from '../../src/simulator/random.js';
import type { TwilioWhatsappModuleOptions } from '../../src/twilio-whatsapp.options.js';
import { createDatabase, type TestDatabase } from '../support/databases.js';
import { call } from './api-client.js';
import { ChaosNode, type Span } from './chaos-node.js';
import { isBehind, isUnderWay, judge, type Findings } from './judge.js';
import {
  API,
  FAULT_RATES,
  INSTANCES,
  LATENCY_MS,
  REQUEST_TIMEOUT_MS,
  UNPACED,
} from './settings.js';
import { passTime, readMessages, type StoredMessage } from './stored.js';
import { Traffic } from './traffic.js';
import { Truth } from './truth.js';

/** What a run takes place on, beyond what all of them share. */
export interface RunPlan {
  /** `sqlite`, or the URL of a server. */
  readonly databaseUrl: string;
  readonly nodes: number;
  /** Decides who is disturbed when, whom clients ask, and which faults the simulator throws. */
  readonly seed: number;
  readonly simulator?: Partial<SimulatorOptions>;
  /** Options of the module. */
  readonly whatsapp?: Partial<TwilioWhatsappModuleOptions>;
  /** Whether to run the usual rule "try again after every failure": the control that must fail. */
  readonly isControl?: boolean;
}

/** How long nothing may change before it is taken for settled. */
const SETTLE_MS = 60_000;
const SETTLE_PAUSE_MS = 500;
const STANDSTILL_MS = 60_000;
const BOOT_PATIENCE_MS = 30_000;

/** A simulated Twilio, a database and the nodes on it. */
export class ChaosRun {
  /** When the database was not there. */
  readonly outages: Span[] = [];
  private streams = 0;

  private constructor(
    readonly simulator: TwilioSimulator,
    readonly nodes: readonly ChaosNode[],
    private readonly database: TestDatabase,
    private readonly seed: number,
  ) {}

  /** Starts everything, with a provider instance for each simulated account. */
  static async start(plan: RunPlan): Promise<ChaosRun> {
    const simulator = await new TwilioSimulator({
      accounts: INSTANCES.map(({ account }) => account),
      seed: plan.seed,
      callbackDelayMs: 10,
      latencyMs: LATENCY_MS,
      faultRates: FAULT_RATES,
      ...plan.simulator,
    }).start();
    const database = await createDatabase(plan.databaseUrl);
    const dataSource = await new DataSource(database.options).initialize();
    await dataSource.runMigrations();
    await dataSource.destroy();

    const ports = await Promise.all(Array.from({ length: plan.nodes }, freePort));
    const whatsapp = {
      publicUrl: `http://127.0.0.1:${ports[0]}`,
      encryptionKeys: [Buffer.alloc(32, 9).toString('base64')],
      api: API,
      twilioApiUrl: simulator.url,
      ...plan.whatsapp,
      delivery: {
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
        pollIntervalMs: 50,
        ...UNPACED.delivery,
        isExclusive: true,
        ambiguousPolicy: plan.isControl ? 'resend' : 'hold',
        ...plan.whatsapp?.delivery,
      },
    };
    const nodes = ports.map((port) => new ChaosNode({ port, databaseUrl: database.url, whatsapp }));
    const run = new ChaosRun(simulator, nodes, database, plan.seed);
    await run.boot();
    return run;
  }

  /** A stream of random numbers of its own: who draws from another does not change it. */
  random(): Random {
    return seededRandom(this.seed * 1000 + this.streams++);
  }

  /** Disturbs while clients send, lets everything settle, and judges. */
  async underLoad(disturb: () => Promise<void>): Promise<Findings> {
    const traffic = new Traffic(this.nodes, this.simulator, this.random());
    await disturb();
    await traffic.end();
    return this.settle(traffic.accepted);
  }

  /** Resolves when Twilio has met so many more requests: how busy the machine is must not decide what is disturbed. */
  async activity(requests: number): Promise<void> {
    const { posts } = this.simulator;
    const until = posts.length + requests;
    while (posts.length < until) await this.nextPost();
  }

  /** @returns when Twilio met the first request for a recipient, in milliseconds since 1970 */
  async posted(recipient: string): Promise<number> {
    for (;;) {
      const post = this.simulator.posts.find(({ to }) => to === recipient);
      if (post) return post.at;
      await this.nextPost();
    }
  }

  /** Disturbs every node in a loop of its own, `times` in all. */
  async disturbNodes(
    times: number,
    disturb: (node: ChaosNode, random: Random) => Promise<void>,
  ): Promise<void> {
    let left = times;
    await Promise.all(
      this.nodes.map(async (node) => {
        const random = this.random();
        while (left-- > 0) await disturb(node, random);
      }),
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    await this.simulator.stop();
    await this.database.drop();
  }

  /** Rejects when nothing is sent any more. */
  private async nextPost(): Promise<void> {
    const signal = AbortSignal.timeout(STANDSTILL_MS);
    await once(this.simulator, 'post', { signal }).catch((cause: unknown) => {
      throw new Error(`Nothing was sent for ${STANDSTILL_MS / 1000} seconds.`, { cause });
    });
  }

  private async boot(): Promise<void> {
    const [first, ...others] = this.nodes;
    await first.start();
    for (const { name, account, fromNumber } of INSTANCES) {
      const config = {
        TWILIO_ACCOUNT_SID: account.accountSid,
        TWILIO_AUTH_TOKEN: account.authToken,
        TWILIO_FROM_NUMBER: fromNumber,
      };
      const { messagesPerSecond } = UNPACED;
      await call(first.url, 'POST', 'provider-instances', {
        body: { name, messagesPerSecond, config },
        patienceMs: BOOT_PATIENCE_MS,
      });
    }
    // The others find the instances there: what a node knows of them may be a moment old.
    await Promise.all(others.map((node) => node.start()));
  }

  /** Waits until nothing more can be learnt, or nothing is for a minute, and holds what is known against the truth. */
  private async settle(accepted: ReadonlyMap<string, string>): Promise<Findings> {
    const dataSource = await new DataSource(this.database.options).initialize();
    let deadline = Infinity;
    let progress = '';
    for (;;) {
      await delay(SETTLE_PAUSE_MS);
      await this.simulator.idle();
      const stored = await readMessages(dataSource);
      const truth = new Truth(
        this.simulator.posts,
        this.simulator.messages.values(),
        this.nodes.flatMap(({ lives }) => lives),
        this.outages,
      );
      const open = stored.filter((message) => canLearn(message, truth));
      const now = `${open.length} open, ${this.simulator.posts.length} posts`;
      if (now !== progress) deadline = Date.now() + SETTLE_MS;
      progress = now;
      if (open.length > 0 && Date.now() < deadline) {
        await passTime(dataSource, open);
        continue;
      }
      await dataSource.destroy();
      return judge(accepted, stored, truth);
    }
  }
}

/** Whether there is something to be learnt of a message, be it that a look at Twilio finds nothing. */
function canLearn(message: StoredMessage, truth: Truth): boolean {
  const sent = truth.messagesTo(message.recipient);
  switch (message.status) {
    case 'sent':
      return isBehind(message, sent);
    case 'unknown':
      return message.checks === 0 || truth.hasLast(message);
    default:
      return isUnderWay(message);
  }
}
