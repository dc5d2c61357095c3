import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { TwilioSimulator } from '../../simulator/index.js';
import { startBackend } from '../backend.js';
import { DemoClient, type DemoMessage } from './client.js';
import { freePort } from './free-port.js';
import { ACCOUNT, OTHER_ACCOUNT, SCENES, type Scene } from './scenario.js';
import { LiveTable, type Row } from './table.js';

const DEADLINE_MS = 30_000;
const LOOK_EVERY_MS = 100;
const API = { key: 'demo-key', secret: 'demo-secret' };

const folder = mkdtempSync(join(tmpdir(), 'twilio-whatsapp-demo-'));
const simulator = await new TwilioSimulator({
  accounts: [ACCOUNT, OTHER_ACCOUNT],
  callbackDelayMs: 400,
}).start();
const port = await freePort();
Object.assign(process.env, {
  NODE_ENV: 'development',
  HOST: '127.0.0.1',
  PORT: String(port),
  PUBLIC_URL: `http://127.0.0.1:${port}`,
  DATABASE_URL: `sqlite://${join(folder, 'demo.sqlite')}`,
  API_KEY: API.key,
  API_SECRET: API.secret,
  TWILIO_API_URL: simulator.url,
  TWILIO_ACCOUNT_SID: ACCOUNT.accountSid,
  TWILIO_AUTH_TOKEN: ACCOUNT.authToken,
  TWILIO_FROM_NUMBER: ACCOUNT.senders[0],
  LOG_LEVEL: 'error',
});
const backend = await startBackend();
const client = new DemoClient(`http://127.0.0.1:${port}`, API);

console.log(
  `\nThe backend runs at http://127.0.0.1:${port}/v3, a simulated Twilio at ${simulator.url}.`,
);
console.log(`${SCENES.length} notifications go out through POST /v3/notifications:\n`);

for (const scene of SCENES) {
  await createUser(scene);
  await notify(scene);
}
const failures = await watch();

await backend.close();
await simulator.stop();
rmSync(folder, { recursive: true });

if (failures.length > 0) {
  console.error(`\nNot as expected:\n${failures.map((failure) => `  - ${failure}`).join('\n')}`);
  process.exit(1);
}
console.log(`\nEach of the ${SCENES.length} fates is the expected one.`);

async function createUser({ recipient, phoneNumber, isUnknown }: Scene): Promise<void> {
  if (!isUnknown) await client.call('PUT', `users/${recipient}`, { phoneNumber });
}

async function notify({ recipient, override, sendInMs }: Scene): Promise<void> {
  await client.call('POST', 'notifications', {
    notification: { title: 'Your parcel', message: 'Your parcel arrives on Tuesday.' },
    sendTo: { recipients: [recipient] },
    ...(sendInMs && { sendAt: new Date(Date.now() + sendInMs).toISOString() }),
    ...(override && { override: { twilio_whatsapp: override } }),
  });
}

/** Watches until every message has met its fate. @returns what is not as expected */
async function watch(): Promise<string[]> {
  const table = new LiveTable(process.stdout);
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const messages = new Map<string, DemoMessage>();
    const page = await client.call<{ items: DemoMessage[] }>('GET', 'messages?limit=200');
    for (const message of page.items) messages.set(message.recipient, message);
    const rows = SCENES.map((scene): Row => {
      const message = messages.get(scene.recipient);
      return { ...message, scene, status: message?.status ?? 'missing' };
    });
    table.update(rows);
    const isSettled = rows.every(({ scene, status }) => status === scene.fate.status);
    if (isSettled || Date.now() > deadline) return check(messages);
    await delay(LOOK_EVERY_MS);
  }
}

/** Holds what the backend says against what was expected, and against what Twilio really got. */
async function check(messages: ReadonlyMap<string, DemoMessage>): Promise<string[]> {
  await simulator.idle();
  return SCENES.flatMap((scene) => {
    const {
      recipient,
      fate,
      phoneNumber = '',
      request = {},
      accountSid = ACCOUNT.accountSid,
    } = scene;
    const message = messages.get(recipient);
    if (message?.status !== fate.status || message.reason !== fate.reason) {
      return [`${recipient} is ${message?.status} (${message?.reason}), not ${fate.status}`];
    }
    if (fate.status === 'discarded') return [];
    const sent = simulator.messagesTo(phoneNumber);
    if (sent.length !== 1) return [`${recipient} was sent ${sent.length} messages`];
    if (sent[0].accountSid !== accountSid) return [`${recipient} heard from the wrong account`];
    return Object.entries(request)
      .filter(([name, value]) => sent[0].form.get(name) !== value)
      .map(([name]) => `${recipient} was sent another ${name}`);
  });
}
