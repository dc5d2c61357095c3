import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export interface NodeSettings {
  readonly port: number;
  readonly databaseUrl: string;
  /** Options of the module. */
  readonly whatsapp: object;
}

/** A stretch of time, in milliseconds since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What a process went through: when it was killed, if it was, and when it stood still. */
export interface ProcessLife {
  readonly id: number;
  killedAt?: number;
  readonly pauses: Span[];
}

const NODE = fileURLToPath(new URL('./node.js', import.meta.url));
const living = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/** One place in the cluster: whoever runs there is killed, stopped, and replaced by a process that stands by. */
export class ChaosNode {
  private static nextId = 1;
  /** Every process that ran here; the last is the present one. */
  readonly lives: ProcessLife[] = [];
  private child?: ChildProcess;
  private standby?: ChildProcess;

  constructor(readonly settings: NodeSettings) {}

  get url(): string {
    return `http://127.0.0.1:${this.settings.port}/v3`;
  }

  /** Whether the present process ended without having been told to. */
  get isGone(): boolean {
    return this.child !== undefined && !isAlive(this.child);
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    const child = this.standby ?? load();
    const life: ProcessLife = { id: ChaosNode.nextId++, pauses: [] };
    this.child = child;
    this.lives.push(life);
    const answer = Promise.race([
      once(child, 'message').then(() => true),
      once(child, 'exit').then(() => false),
    ]);
    child.send({ ...this.settings, id: life.id });
    this.standby = load();
    if (!(await answer)) {
      throw new Error(`The node on port ${this.settings.port} ended before it listened.`);
    }
  }

  /** No goodbye: the process is gone in the middle of whatever it does. */
  async kill(): Promise<void> {
    this.lives.at(-1)!.killedAt = Date.now();
    await end(this.child, 'SIGKILL');
  }

  /** The process stands still, and goes on as if nothing had been. */
  async pause(ms: number): Promise<void> {
    const from = Date.now();
    this.child!.kill('SIGSTOP');
    await delay(ms);
    this.child!.kill('SIGCONT');
    this.lives.at(-1)!.pauses.push({ from, to: Date.now() });
  }

  /** Lets the process finish what is under way. @returns milliseconds that it took */
  async drain(): Promise<number> {
    const begun = performance.now();
    await end(this.child, 'SIGTERM');
    return performance.now() - begun;
  }

  /** Ends everything here. */
  async stop(): Promise<void> {
    await Promise.all([end(this.child, 'SIGTERM'), end(this.standby, 'SIGKILL')]);
  }
}

function load(): ChildProcess {
  const child = fork(NODE, { execArgv: [] });
  living.add(child);
  child.once('exit', () => living.delete(child));
  return child;
}

const isAlive = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode === null && signalCode === null;

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || !isAlive(child)) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}
