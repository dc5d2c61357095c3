import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What a program of its own process can be asked to do. Arguments and results travel as JSON. */
export type Handlers = Record<string, (...args: never[]) => unknown>;

interface Call {
  readonly id: number;
  readonly name: string;
  readonly args: never[];
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

const SETTINGS = 'BENCH_SETTINGS';

/** A process that takes part in a measurement. */
export class Program<H extends Handlers> {
  private readonly waiting = new Map<
    number,
    { resolve: (result: unknown) => void; reject: (error: Error) => void }
  >();
  private calls = 0;

  private constructor(
    private readonly child: ChildProcess,
    private readonly name: string,
  ) {
    child.on('message', ({ id, result, error }: Answer) => {
      const call = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) call?.resolve(result);
      else call?.reject(new Error(`${name}: ${error}`));
    });
    child.on('exit', (code) => {
      for (const { reject } of this.waiting.values())
        reject(new Error(`${name} ended with ${code}`));
      this.waiting.clear();
    });
  }

  /** Starts `programs/<name>.js`; resolves when it serves. */
  static async start<H extends Handlers>(name: string, settings: object = {}): Promise<Program<H>> {
    const child = forkProgram(name, settings);
    const isReady = await Promise.race([
      once(child, 'message').then(() => true),
      once(child, 'exit').then(() => false),
    ]);
    if (!isReady) throw new Error(`${name} ended before it was ready: ${JSON.stringify(settings)}`);
    return new Program<H>(child, name);
  }

  call<N extends keyof H & string>(
    name: N,
    ...args: Parameters<H[N]>
  ): Promise<Awaited<ReturnType<H[N]>>> {
    const id = ++this.calls;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.child.send({ id, name, args });
    });
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.disconnect();
    await ended;
  }
}

/** Starts a program without waiting for it. */
export const forkProgram = (name: string, settings: object): ChildProcess =>
  fork(fileURLToPath(new URL(`../programs/${name}.js`, import.meta.url)), {
    env: { ...process.env, [SETTINGS]: JSON.stringify(settings) },
    execArgv: process.env.BENCH_EXEC_ARGV?.split(' ') ?? [],
  });

/** The settings that a program was started with. */
export const settings: unknown = JSON.parse(process.env[SETTINGS] ?? '{}');

/** Serves calls until the parent lets go of the program, then cleans up and ends. */
export function serve(handlers: Handlers, close: () => unknown = () => undefined): void {
  process.on('message', ({ id, name, args }: Call) => {
    Promise.resolve()
      .then(() => handlers[name](...args))
      .then(
        (result) => process.send?.({ id, result } satisfies Answer),
        (error: unknown) =>
          process.send?.({
            id,
            error: (error instanceof Error && error.stack) || String(error),
          } satisfies Answer),
      );
  });
  process.once('disconnect', () => {
    Promise.resolve(close()).then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
  process.send?.('ready');
}
