import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import { startBackend } from '../../src/app/backend.js';
import { freePort } from '../../src/app/demo/free-port.js';
import { TwilioSimulator, type Fate } from '../../src/simulator/index.js';
import {
  ACCOUNT_SID,
  AUTH_TOKEN,
  ENCRYPTION_KEY,
  fictionalNumber,
  SENDER,
} from '../support/application.js';
import { eventually } from '../support/eventually.js';

const SECONDARY_TOKEN = 'not-a-real-auth-token-0003';
const KEY = { sid: `SK${'c'.repeat(32)}`, secret: 'not-a-real-key-secret-01' };
const API = { API_KEY: 'an-api-key', API_SECRET: 'an-api-secret' };

/** What the variables of the backend do, seen from outside. That each reaches its option, `backend.config.spec.ts` says. */
describe('the environment of the backend', () => {
  const before = { ...process.env };
  let folder: string;
  let simulator: TwilioSimulator;
  let backend: NestFastifyApplication | undefined;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'twilio-whatsapp-'));
    simulator = await new TwilioSimulator({
      accounts: [{ accountSid: ACCOUNT_SID, authToken: AUTH_TOKEN, apiKeys: [KEY] }],
      callbackDelayMs: 1,
      latencyMs: 20,
    }).start();
    const port = String(await freePort());
    Object.assign(process.env, {
      ...API,
      NODE_ENV: 'test',
      PORT: port,
      DATABASE_URL: `sqlite://${join(folder, 'test.sqlite')}`,
      ENCRYPTION_KEYS: ENCRYPTION_KEY,
      LOG_LEVEL: 'fatal',
      PUBLIC_URL: `http://127.0.0.1:${port}`,
      TWILIO_ACCOUNT_SID: ACCOUNT_SID,
      TWILIO_AUTH_TOKEN: AUTH_TOKEN,
      TWILIO_FROM_NUMBER: SENDER,
      TWILIO_API_URL: simulator.url,
    });
  });
  afterEach(async () => {
    await backend?.close();
    await simulator.stop();
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, before);
    rmSync(folder, { recursive: true });
  });

  const api = () =>
    request.agent(backend!.getHttpServer()).set({
      'X-ENGAGESPOT-API-KEY': API.API_KEY,
      'X-ENGAGESPOT-API-SECRET': API.API_SECRET,
    });

  /** Sends to so many people, and waits until all their messages have this status. */
  async function send(count: number, status = 'seen', fate: Fate = {}): Promise<void> {
    const recipients = Array.from({ length: count }, (_, index) => ({
      identifier: `user-${index}`,
      phoneNumber: fictionalNumber(index),
    }));
    for (const { phoneNumber } of recipients) simulator.script(phoneNumber, fate);
    const body = { notification: { title: 'Hello' }, sendTo: { recipients } };
    const { requestId } = (await api().post('/v3/notifications').send(body).expect(202)).body;
    await eventually(
      async () => (await api().get(`/v3/notifications/${requestId}`).expect(200)).body.counts,
      (counts) => counts[status] === count,
    );
  }

  it('sends as it says, from whom it says, to callers that it names', async () => {
    Object.assign(process.env, {
      TWILIO_API_KEY_SID: KEY.sid,
      TWILIO_API_KEY_SECRET: KEY.secret,
      TWILIO_SECONDARY_AUTH_TOKEN: SECONDARY_TOKEN,
      MESSAGES_PER_SECOND: '7',
    });
    backend = await startBackend();
    await request(backend.getHttpServer()).get('/v3/provider-instances').expect(401);
    const { body } = await api().get('/v3/provider-instances').expect(200);
    expect(body.items).toEqual([
      expect.objectContaining({
        messagesPerSecond: 7,
        callbackUrl: expect.stringContaining(`${process.env.PUBLIC_URL}/v3/callbacks/`),
        config: expect.objectContaining({ TWILIO_SECONDARY_AUTH_TOKEN: '••••0003' }),
      }),
    ]);
    await send(1);
    const [{ form, headers, accountSid }] = simulator.posts;
    const credentials = Buffer.from(`${KEY.sid}:${KEY.secret}`).toString('base64');
    expect(headers.authorization).toBe(`Basic ${credentials}`);
    expect([accountSid, form.get('From')]).toEqual([ACCOUNT_SID, `whatsapp:${SENDER}`]);
    expect(existsSync(join(folder, 'test.sqlite'))).toBe(true);
  });

  it('has at most MAX_IN_FLIGHT requests under way', async () => {
    process.env.MAX_IN_FLIGHT = '1';
    backend = await startBackend();
    await send(5);
    const gaps = simulator.posts.slice(1).map(({ at }, index) => at - simulator.posts[index].at);
    // A request takes the simulator 20 ms. Its timers are a little early at times.
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(15);
  });

  it('sends at most ACCOUNT_MESSAGES_PER_SECOND', async () => {
    process.env.ACCOUNT_MESSAGES_PER_SECOND = '10';
    backend = await startBackend();
    await send(5);
    const times = simulator.posts.map(({ at }) => at);
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(300);
  });

  it.each([
    ['resend', 'seen', 2],
    ['hold', 'unknown', 1],
  ])('does what AMBIGUOUS_POLICY=%s says of a lost answer', async (policy, status, posts) => {
    process.env.AMBIGUOUS_POLICY = policy;
    backend = await startBackend();
    await send(1, status, { faults: ['resetBefore'] });
    expect(simulator.posts).toHaveLength(posts);
  });

  it('erases after RETENTION_REDACT_AFTER_DAYS and RETENTION_PURGE_AFTER_DAYS', async () => {
    backend = await startBackend();
    await send(1);
    await backend.close();
    Object.assign(process.env, {
      RETENTION_REDACT_AFTER_DAYS: '0.000001',
      RETENTION_PURGE_AFTER_DAYS: '0.000001',
    });
    backend = await startBackend();
    await eventually(
      async () => (await api().get('/v3/messages').expect(200)).body.items,
      (items) => items.length === 0,
    );
  });

  it('reads with every key of ENCRYPTION_KEYS, and boots with none that is missing', async () => {
    const newKey = Buffer.alloc(32, 8).toString('base64');
    await (await startBackend()).close();
    process.env.ENCRYPTION_KEYS = newKey;
    await expect(startBackend()).rejects.toThrow(
      /encryption key [0-9a-f]{8}, which is not configured/,
    );
    process.env.ENCRYPTION_KEYS = `${newKey},${ENCRYPTION_KEY}`;
    backend = await startBackend();
    await send(1);
  });
});
