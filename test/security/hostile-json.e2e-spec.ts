import { seededRandom } from '../../src/simulator/random.js';
import {
  fictionalNumber,
  PLATFORMS,
  startApplication,
  type TestApplication,
} from '../support/application.js';
import { tablesOf } from '../support/dump.js';

const BODIES = 2500;
const KEYS = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'status',
  'fence',
  'id',
  'requestId',
  'instance_id',
  'account_sid',
  'auth_token',
  'is_default',
  'redacted_at',
  'polluted',
];
/** Names that must reach neither Twilio nor a row of their own. */
const DENIED = [
  '__proto__',
  'constructor',
  'prototype',
  '__Proto__',
  '_config',
  '_instance',
  'TWILIO_AUTH_TOKEN',
];

describe.each(PLATFORMS)('hostile JSON on %s', (platform) => {
  let t: TestApplication;
  beforeAll(async () => {
    t = await startApplication({ platform, options: { delivery: { maxInFlight: 256 } } });
  });
  afterAll(() => t.stop());

  it(`${BODIES} bodies leave no trace where they must not`, async () => {
    const random = seededRandom(platform.length);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)];
    const value = (depth = 0): string =>
      pick([
        () => '"polluted"',
        () => '{"polluted":true}',
        () => '[{"__proto__":{"polluted":true}}]',
        () => 'null',
        () => '1e308',
        () => (depth > 2 ? 'true' : object(depth + 1)),
      ])();
    // As text: an object literal would set the prototype instead of a key.
    const object = (depth = 0): string =>
      `{${Array.from({ length: 1 + Math.floor(random() * 3) }, () => `${JSON.stringify(pick(KEYS))}:${value(depth)}`)}}`;
    const number = () => fictionalNumber(Math.floor(random() * 5000));
    const mixed = (json: string) =>
      random() < 0.5 ? json.replace(/\}$/, `,${object().slice(1)}`) : json;

    const names = Object.getOwnPropertyNames(Object.prototype).toSorted();
    const columns = columnsOf(await tablesOf(t.database.options));
    const statuses = new Map<number, number>();
    for (let round = 0; round < BODIES; round++) {
      const identifier = pick(['__proto__', 'constructor', 'toString', `user-${round}`]);
      const [method, path, body] = pick<() => ['post' | 'put' | 'patch', string, string]>([
        () => [
          'post',
          'notifications',
          `{"notification":${mixed('{"title":"Hello"}')},"data":${object()},"sendTo":{"recipients":[${mixed(`{"identifier":"${identifier}","phoneNumber":"${number()}"}`)}]}}`,
        ],
        () => [
          'post',
          'notifications',
          `{"notification":{"title":"Hello"},"sendTo":{"recipients":[{"identifier":"${identifier}","phoneNumber":"${number()}"}]},"override":{"twilio_whatsapp":${mixed('{"Body":"x"}')}}}`,
        ],
        () => [
          'post',
          'notifications',
          mixed(
            `{"notification":{"title":"Hello"},"sendTo":{"recipients":[{"identifier":"${identifier}","phoneNumber":"${number()}"}]},"override":${object()}}`,
          ),
        ],
        () => ['put', `users/${identifier}`, object()],
        () => ['post', 'users', `{"identifier":"${identifier}","profile":${object()}}`],
        () => ['post', 'provider-instances', mixed('{"name":"x","config":{}}')],
      ])();
      const { status } = await t
        .api()
        [method](`/v3/${path}`)
        .set('Content-Type', 'application/json')
        .send(body);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      expect(status).toBeLessThan(500);
    }
    // Neither all refused nor all let in: else nothing was tried.
    expect(statuses.get(202)).toBeGreaterThan(BODIES / 20);
    expect(statuses.get(400)).toBeGreaterThan(BODIES / 20);

    expect(Object.getOwnPropertyNames(Object.prototype).toSorted()).toEqual(names);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    const after = await tablesOf(t.database.options);
    for (const [table, known] of Object.entries(columns)) {
      for (const row of after[table]) expect(Object.keys(row)).toEqual(known);
    }
    const messages = after.twilio_whatsapp_message as Record<string, unknown>[];
    const instances = new Set(
      (after.twilio_whatsapp_provider_instance as { id: string }[]).map(({ id }) => id),
    );
    // Nobody chose an id, a fence or an instance.
    expect(messages.every(({ id }) => /^[\da-f]{8}-[\da-f]{4}-7/.test(String(id)))).toBe(true);
    expect(messages.every(({ instance_id }) => instances.has(String(instance_id)))).toBe(true);
    expect(messages.every(({ redacted_at }) => redacted_at === null)).toBe(true);
    expect(instances.size).toBe(1);

    expect(t.simulator.messages.size).toBeGreaterThan(100);
    for (const { form } of t.simulator.messages.values()) {
      for (const key of form.keys()) {
        expect(DENIED).not.toContain(key);
        expect(key).toMatch(/^[A-Z][A-Za-z0-9]{0,63}$/);
      }
    }
  });
});

/** The columns of each table that has a row, and of all that have none yet once they do. */
const columnsOf = (tables: Record<string, object[]>): Record<string, string[]> =>
  Object.fromEntries(
    Object.entries(tables).flatMap(([table, [row]]) => (row ? [[table, Object.keys(row)]] : [])),
  );
