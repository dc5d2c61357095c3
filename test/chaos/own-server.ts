import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../src/app/demo/free-port.js';

/** The first of these programs that the machine does not have. */
export const missingProgram = (...programs: string[]): string | undefined => {
  const name = programs.find((program) => !isThere(program));
  return name && `there is no ${name} on this machine`;
};

function isThere(program: string): boolean {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A PostgreSQL of the harness's own, which it may crash. */
export class OwnPostgres {
  private constructor(
    private readonly folder: string,
    private readonly port: number,
    private readonly user: { uid?: number; gid?: number },
  ) {}

  static async start(): Promise<OwnPostgres> {
    const folder = mkdtempSync(join(tmpdir(), 'twilio-whatsapp-postgres-'));
    // PostgreSQL refuses to run as root.
    const user = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {};
    if (user.uid !== undefined) chownSync(folder, user.uid, user.gid);
    const postgres = new OwnPostgres(folder, await freePort(), user);
    await postgres.run('initdb', '--username=postgres', '--auth=trust', '--no-sync');
    await postgres.boot();
    return postgres;
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.port}/postgres`;
  }

  /** Ends every backend at once; what was not committed is gone. */
  async crash(): Promise<void> {
    await this.run('pg_ctl', 'stop', '--mode=immediate');
  }

  /** Resolves when it has recovered. */
  async boot(): Promise<void> {
    const options = `-c listen_addresses=127.0.0.1 -p ${this.port} -k ${this.folder}`;
    const log = join(this.folder, 'server.log');
    await this.run('pg_ctl', 'start', '--wait', `--log=${log}`, `--options=${options}`);
  }

  async stop(): Promise<void> {
    await this.run('pg_ctl', 'stop', '--mode=immediate');
    rmSync(this.folder, { recursive: true });
  }

  private async run(program: string, ...args: string[]): Promise<void> {
    const options = { cwd: this.folder, stdio: 'ignore', ...this.user } as const;
    const child = spawn(program, [...args, `--pgdata=${join(this.folder, 'data')}`], options);
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}.`);
  }
}

const idOf = (what: '-u' | '-g'): number => Number(execFileSync('id', [what, 'postgres']));

/** A Redis of the harness's own, which it may kill. It keeps nothing. */
export class OwnRedis {
  private child?: ChildProcess;

  private constructor(private readonly port: number) {}

  static async start(): Promise<OwnRedis> {
    const redis = new OwnRedis(await freePort());
    await redis.boot();
    return redis;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Resolves when it answers. */
  async boot(): Promise<void> {
    const args = [
      '--port',
      String(this.port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
    ];
    this.child = spawn('redis-server', args, { stdio: 'ignore', cwd: tmpdir() });
    while (!(await this.ask('PING'))) await delay(20);
  }

  async kill(): Promise<void> {
    const ended = once(this.child!, 'exit');
    this.child!.kill('SIGKILL');
    await ended;
  }

  async flush(): Promise<void> {
    if (!(await this.ask('FLUSHALL'))) throw new Error('Redis was not flushed.');
  }

  /** Whether it did what it was told. */
  private async ask(command: string): Promise<boolean> {
    const socket = connect(this.port, '127.0.0.1');
    try {
      socket.write(`${command}\r\n`);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      return answer.toString().startsWith('+');
    } catch {
      // It does not listen yet.
      return false;
    } finally {
      socket.destroy();
    }
  }
}
