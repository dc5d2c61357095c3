import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface NodeSettings {
  readonly port: number;
  readonly databaseUrl: string;
  readonly whatsapp: object;
  /** The control that must fail: ambiguous requests are sent again. */
  readonly resendsAmbiguous: boolean;
}

/** One process that is killed and started again. */
export class ChaosNode {
  kills = 0;
  private process?: ChildProcess;

  constructor(readonly settings: NodeSettings) {}

  get url(): string {
    return `http://127.0.0.1:${this.settings.port}/v3`;
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    const child = fork(fileURLToPath(new URL('./node.js', import.meta.url)), {
      env: { ...process.env, CHAOS_NODE: JSON.stringify(this.settings) },
      execArgv: [],
    });
    this.process = child;
    const isReady = await Promise.race([
      once(child, 'message').then(() => true),
      once(child, 'exit').then(() => false),
    ]);
    if (!isReady)
      throw new Error(`The node on port ${this.settings.port} ended before it listened.`);
  }

  /** No goodbye: the process is gone in the middle of whatever it does. */
  async kill(): Promise<void> {
    this.kills++;
    await this.end('SIGKILL');
  }

  /** Lets the process finish what is under way. */
  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}
