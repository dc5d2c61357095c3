import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBackend } from '../../src/app/backend.js';
import { freePort } from '../../src/app/demo/free-port.js';
import { EnvironmentError } from '../../src/app/environment.js';

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

  it('refuses to boot in production without secrets', async () => {
    process.env.NODE_ENV = 'production';
    await expect(startBackend()).rejects.toThrow(EnvironmentError);
    expect(existsSync(join(folder, 'data'))).toBe(false);
  });

  it('keeps no file when it is given all secrets', async () => {
    Object.assign(process.env, {
      API_KEY: 'k',
      API_SECRET: 's',
      ENCRYPTION_KEYS: Buffer.alloc(32).toString('base64'),
    });
    const app = await startBackend();
    expect(existsSync(join(folder, 'data', 'twilio-whatsapp.secrets.json'))).toBe(false);
    await app.close();
  });
});
