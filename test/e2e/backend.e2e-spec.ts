import { jest } from '@jest/globals';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBackend } from '../../src/app/backend.js';
import { freePort } from '../../src/app/demo/free-port.js';
import { EnvironmentError } from '../../src/twilio-whatsapp.environment.js';
import { WriteProbe } from '../../src/app/write-probe.js';
import { createDatabase, describeOn } from '../support/databases.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { eventually } from '../support/eventually.js';

describe('the backend', () => {
  const before = { ...process.env };
  let folder: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'twilio-whatsapp-'));
    Object.assign(process.env, {
      NODE_ENV: 'test',
      HOST: '127.0.0.1',
      PORT: String(await freePort()),
      DATABASE_URL: `sqlite://${join(folder, 'data', 'test.sqlite')}`,
      LOG_LEVEL: 'fatal',
    });
  });
  afterEach(() => {
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, before);
    rmSync(folder, { recursive: true });
  });

  it('makes the secrets that it lacks once, readable by their owner only', async () => {
    const file = join(folder, 'data', 'twilio-whatsapp.secrets.json');
    const first = await startBackend();
    const made = readFileSync(file, 'utf8');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { API_KEY, API_SECRET } = JSON.parse(made) as Record<string, string>;
    const get = (path: string, headers: Record<string, string> = {}) =>
      fetch(`http://127.0.0.1:${process.env.PORT}/${path}`, { headers });
    const headers = { 'X-ENGAGESPOT-API-KEY': API_KEY, 'X-ENGAGESPOT-API-SECRET': API_SECRET };
    expect((await get('v3/providers', headers)).status).toBe(200);
    expect((await get('v3/providers')).status).toBe(401);
    expect(await (await get('health/live')).json()).toEqual({ status: 'ok' });
    expect(await (await get('health/ready')).json()).toEqual({ status: 'ok' });
    await first.close();

    const second = await startBackend();
    expect(readFileSync(file, 'utf8')).toBe(made);
    expect((await get('v3/providers', headers)).status).toBe(200);
    await second.close();
  });

  it('keeps callbacks beside its database while that is down, unless it is told not to', async () => {
    const spool = join(folder, 'data', 'spool');
    process.env.SPOOL_DIRECTORY = 'none';
    await (await startBackend()).close();
    expect(existsSync(spool)).toBe(false);
    delete process.env.SPOOL_DIRECTORY;
    await (await startBackend()).close();
    expect(statSync(spool).mode & 0o777).toBe(0o700);
  });

  describe('says how it has started', () => {
    const isTerminal = process.stdout.isTTY;
    afterEach(() => Object.assign(process.stdout, { isTTY: isTerminal }));

    const written = async (isTTY: boolean, level: string): Promise<string[]> => {
      Object.assign(process.stdout, { isTTY });
      Object.assign(process.env, SECRETS, { LOG_LEVEL: level });
      const write = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
      try {
        await (await startBackend()).close();
        return write.mock.calls.flatMap(([text]) => String(text).trimEnd().split('\n'));
      } finally {
        write.mockRestore();
      }
    };

    it('in a few lines that a person can read, on a terminal', async () => {
      process.env.PUBLIC_URL = 'https://notify.example.com';
      const lines = await written(true, 'log');
      expect(lines.length).toBeLessThanOrEqual(10);
      expect(lines).toEqual(
        expect.arrayContaining([
          'The backend is ready. Ctrl+C ends it.',
          `  Listens on  127.0.0.1:${process.env.PORT} (this machine only, unless HOST says otherwise)`,
          '  API         https://notify.example.com/v3',
          expect.stringMatching(/^ {2}Database {4}.*test\.sqlite$/),
          expect.stringContaining('no sender yet'),
        ]),
      );
      expect(await written(true, 'error')).toEqual([]);
    });

    it('in JSON elsewhere', async () => {
      const entries = (await written(false, 'log')).map((line) => JSON.parse(line) as object);
      expect(entries).toContainEqual(
        expect.objectContaining({ context: 'Backend', message: expect.stringContaining('/v3') }),
      );
      expect(JSON.stringify(entries)).not.toContain('Mapped {');
    });

    it('with its routes at the level of debugging', async () => {
      const entries = (await written(false, 'debug')).map((line) => JSON.parse(line) as object);
      expect(entries).toContainEqual(
        expect.objectContaining({ level: 'debug', message: expect.stringContaining('Mapped {') }),
      );
    });
  });

  it('refuses to boot in production without secrets', async () => {
    process.env.NODE_ENV = 'production';
    await expect(startBackend()).rejects.toThrow(EnvironmentError);
    expect(existsSync(join(folder, 'data'))).toBe(false);
  });

  it('says plainly that its secrets are not usable, and ends', async () => {
    const file = join(folder, 'data', 'twilio-whatsapp.secrets.json');
    mkdirSync(join(folder, 'data'));
    writeFileSync(file, '');
    const exit = jest.spyOn(process, 'exit').mockReturnValue(undefined as never);
    const written = jest.spyOn(console, 'error').mockReturnValue();
    await import('../../src/main.js');
    expect([exit.mock.calls, written.mock.calls]).toEqual([
      [[1]],
      [[expect.stringMatching(new RegExp(`^${file} is empty\\.\nRestore it [^\n]+$`))]],
    ]);
    exit.mockRestore();
    written.mockRestore();
  });

  it('keeps its database from other users of the machine, one that is there already too', async () => {
    const modes = () =>
      Object.fromEntries(
        ['', 'test.sqlite', 'test.sqlite-wal', 'test.sqlite-shm'].map((name) => [
          name,
          (statSync(join(folder, 'data', name)).mode & 0o777).toString(8),
        ]),
      );
    const PRIVATE = { 'test.sqlite': '600', 'test.sqlite-wal': '600', 'test.sqlite-shm': '600' };
    Object.assign(process.env, SECRETS);
    const first = await startBackend();
    const made = modes();
    await first.close();
    expect(made).toEqual({ ...PRIVATE, '': '700' });

    chmodSync(join(folder, 'data'), 0o755);
    chmodSync(join(folder, 'data', 'test.sqlite'), 0o644);
    process.env.LOG_LEVEL = 'warn';
    const written = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
    const second = await startBackend();
    const lines = written.mock.calls.map(([line]) => String(line));
    written.mockRestore();
    const found = modes();
    await second.close();
    // The folder may be one that others use too.
    expect(found).toEqual({ ...PRIVATE, '': '755' });
    expect(lines).toContainEqual(
      expect.stringContaining('test.sqlite was open to other users of this machine (mode 644)'),
    );
  });

  it('listens for this machine only, unless it is told otherwise', async () => {
    Object.assign(process.env, SECRETS);
    delete process.env.HOST;
    const app = await startBackend();
    const at: unknown = app.getHttpServer().address();
    await app.close();
    expect(at).toMatchObject({ address: '127.0.0.1' });
  });

  it('writes no password of its public URL to the log', async () => {
    Object.assign(process.env, SECRETS, {
      LOG_LEVEL: 'verbose',
      PUBLIC_URL: 'http://user:geheim@localhost:3000',
    });
    let log = '';
    const write = (text: string | Uint8Array) => Boolean((log += String(text)));
    jest.spyOn(process.stdout, 'write').mockImplementation(write);
    jest.spyOn(process.stderr, 'write').mockImplementation(write);
    try {
      await (await startBackend()).close();
    } finally {
      jest.restoreAllMocks();
    }
    expect(log).toContain('Listening on');
    expect(log).toContain('Twilio cannot reach publicUrl');
    expect(log).not.toContain('geheim');
  });

  it('keeps no file when it is given all secrets', async () => {
    Object.assign(process.env, SECRETS);
    const app = await startBackend();
    expect(existsSync(join(folder, 'data', 'twilio-whatsapp.secrets.json'))).toBe(false);
    await app.close();
  });

  const POSTGRES = process.env.TEST_POSTGRES_URL;
  describeOn(POSTGRES)('on a database that keeps connections and answers nothing', () => {
    it('is not ready after 2 s, with one question under way, and ready again afterwards', async () => {
      const database = await createDatabase(POSTGRES!);
      const proxy = await new TcpProxy(new URL(database.url)).start();
      process.env.DATABASE_URL = proxy.url;
      process.env.SPOOL_DIRECTORY = 'none';
      Object.assign(process.env, SECRETS);
      const app = await startBackend();
      const write = jest.spyOn(app.get(WriteProbe), 'write');
      const ready = async () => {
        const signal = AbortSignal.timeout(15_000);
        const url = `http://127.0.0.1:${process.env.PORT}/health/ready`;
        const response = await fetch(url, { signal });
        return [response.status, ((await response.json()) as { message?: string }).message];
      };
      try {
        proxy.hang(true);
        for (let round = 0; round < 2; round++) {
          const answers = await Promise.all(Array.from({ length: 10 }, ready));
          expect(answers).toEqual(
            answers.map(() => [503, 'The database has not answered within 2 s.']),
          );
        }
        expect(write).toHaveBeenCalledTimes(1);
        proxy.hang(false);
        await eventually(ready, ([status]) => status === 200);
        await proxy.cut();
        await eventually(
          ready,
          ([, message]) => message === 'The database does not answer or takes no writes.',
        );
        await proxy.start();
        await eventually(ready, ([status]) => status === 200);
      } finally {
        proxy.hang(false);
        await app.close();
        await proxy.cut();
        await database.drop();
      }
    });
  });
});

const SECRETS = {
  API_KEY: 'k',
  API_SECRET: 's',
  ENCRYPTION_KEYS: Buffer.alloc(32).toString('base64'),
};
