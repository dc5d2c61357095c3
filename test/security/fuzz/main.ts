import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { freePort } from '../../../src/app/demo/free-port.js';
import { TwilioSimulator } from '../../../src/simulator/simulator.js';
import { fuzz } from './fuzz.js';

/**
 * `npm run fuzz -- --requests 20000 --seed 1`: strange requests to the backend (Fastify) and to the same module on
 * Express, each in a process of its own. Fails when an answer is 500 or above, a body over the limit is not refused
 * with 413, a process ends, or a line that it logs is not one line of JSON.
 */
const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
  },
});
const requests = Number(values.requests);
const seed = Number(values.seed);
const SERVERS = { fastify: '../../../dist/main.js', express: './express.js' };
const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const ACCOUNT = { accountSid: `AC${'a'.repeat(32)}`, authToken: 'not-a-real-auth-token-0001' };

let isBroken = false;
for (const [platform, file] of Object.entries(SERVERS)) {
  const simulator = await new TwilioSimulator({ accounts: [ACCOUNT] }).start();
  const folder = mkdtempSync(join(tmpdir(), 'twilio-whatsapp-'));
  const port = await freePort();
  const server = fork(pathOf(file), {
    execArgv: ['--import', pathOf('./stall.js')],
    silent: true,
    env: {
      ...process.env,
      NODE_ENV: 'test',
      HOST: '127.0.0.1',
      PORT: String(port),
      DATABASE_URL: `sqlite://${join(folder, 'fuzz.sqlite')}`,
      API_KEY: 'fuzz-key',
      API_SECRET: 'fuzz-secret',
      ENCRYPTION_KEYS: Buffer.alloc(32, 1).toString('base64'),
      TWILIO_ACCOUNT_SID: ACCOUNT.accountSid,
      TWILIO_AUTH_TOKEN: ACCOUNT.authToken,
      TWILIO_FROM_NUMBER: '+14155238886',
      TWILIO_API_URL: simulator.url,
      LOG_LEVEL: 'verbose',
    },
  });
  const lines = linesOf(server);
  await listening(port, server);

  const begun = Date.now();
  const headers = ['X-ENGAGESPOT-API-KEY: fuzz-key', 'X-ENGAGESPOT-API-SECRET: fuzz-secret'];
  const report = await fuzz(port, headers, { requests, seed });
  const seconds = Math.round((Date.now() - begun) / 1000);
  const hasExited = server.exitCode !== null || server.signalCode !== null;
  const stallMs = hasExited ? undefined : await stallOf(server);
  if (!hasExited) {
    server.kill('SIGTERM');
    await once(server, 'close');
  }
  await simulator.stop();
  rmSync(folder, { recursive: true });

  const strangeLines = lines().filter((line) => !isJson(line));
  console.log(
    `${platform}, seed ${seed}, ${seconds} s: ${JSON.stringify({ ...report, hasExited, stallMs, logLines: lines().length, strangeLines: strangeLines.length })}`,
  );
  for (const line of strangeLines.slice(0, 5)) console.log(`  not JSON: ${line.slice(0, 300)}`);
  isBroken ||= report.problems.length > 0 || hasExited || strangeLines.length > 0;
}
process.exit(isBroken ? 1 : 0);

/** Collects what a process writes; call the result for its lines so far. */
function linesOf({ stdout, stderr }: ChildProcess): () => string[] {
  const chunks: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  stdout?.on('data', (chunk: Buffer) => chunks.stdout.push(chunk));
  stderr?.on('data', (chunk: Buffer) => chunks.stderr.push(chunk));
  return () =>
    Object.values(chunks).flatMap((list) =>
      Buffer.concat(list)
        .toString('utf8')
        .split('\n')
        .filter((line) => line !== ''),
    );
}

async function listening(port: number, server: ChildProcess): Promise<void> {
  while (server.exitCode === null) {
    const answer = await fetch(`http://127.0.0.1:${port}/health/ready`).catch(() => undefined);
    if (answer?.ok) return;
    await delay(50);
  }
  throw new Error('The server ended before it listened.');
}

/** The longest that the event loop stood still, in milliseconds. */
async function stallOf(server: ChildProcess): Promise<unknown> {
  server.send('stall');
  const [stall] = (await once(server, 'message')) as unknown[];
  return stall;
}

function isJson(line: string): boolean {
  try {
    return typeof JSON.parse(line) === 'object';
  } catch {
    // That it is none is the answer.
    return false;
  }
}
