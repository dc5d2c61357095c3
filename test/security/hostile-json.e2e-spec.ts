import { DataSource } from 'typeorm';
import { seededRandom } from '../../src/simulator/random.js';
import {
  API_KEY,
  API_SECRET,
  fictionalNumber,
  PLATFORMS,
  startApplication,
  type TestApplication,
} from '../support/application.js';
import { tablesOf } from '../support/dump.js';

/** On each platform; the long form is `HOSTILE_BODIES=2500 npm test -- test/security/hostile-json`. */
const BODIES = Number(process.env.HOSTILE_BODIES ?? 250);
const HEADERS = {
  'Content-Type': 'application/json',
  'X-ENGAGESPOT-API-KEY': API_KEY,
  'X-ENGAGESPOT-API-SECRET': API_SECRET,
};
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
    const columns = columnsOf(t.app.get(DataSource));
    const statuses = new Map<number, number>();
    const request = (round: number): [string, string, string] => {
      const identifier = pick(['__proto__', 'constructor', 'toString', `user-${round}`]);
      return pick<() => [string, string, string]>([
        () => [
          'POST',
          'notifications',
          `{"notification":${mixed('{"title":"Hello"}')},"data":${object()},"sendTo":{"recipients":[${mixed(`{"identifier":"${identifier}","phoneNumber":"${number()}"}`)}]}}`,
        ],
        () => [
          'POST',
          'notifications',
          `{"notification":{"title":"Hello"},"sendTo":{"recipients":[{"identifier":"${identifier}","phoneNumber":"${number()}"}]},"override":{"twilio_whatsapp":${mixed('{"Body":"x"}')}}}`,
        ],
        () => [
          'POST',
          'notifications',
          mixed(
            `{"notification":{"title":"Hello"},"sendTo":{"recipients":[{"identifier":"${identifier}","phoneNumber":"${number()}"}]},"override":${object()}}`,
          ),
        ],
        () => ['PUT', `users/${identifier}`, object()],
        () => ['POST', 'users', `{"identifier":"${identifier}","profile":${object()}}`],
        () => ['POST', 'provider-instances', mixed('{"name":"x","config":{}}')],
      ])();
    };
    for (let round = 0; round < BODIES; round += 25) {
      const requests = Array.from({ length: 25 }, (_, index) => request(round + index));
      await Promise.all(
        requests.map(async ([method, path, body]) => {
          const response = await fetch(`${t.url}/v3/${path}`, {
            method: method === 'PUT' ? 'PUT' : 'POST',
            body,
            headers: HEADERS,
          });
          await response.arrayBuffer();
          const { status } = response;
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          expect([status < 500, method, path, body]).toEqual([true, method, path, body]);
        }),
      );
    }
    // Neither all refused nor all let in: else nothing was tried.
    expect(statuses.get(202)).toBeGreaterThan(BODIES / 20);
    expect(statuses.get(400)).toBeGreaterThan(BODIES / 20);

    expect(Object.getOwnPropertyNames(Object.prototype).toSorted()).toEqual(names);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    const after = await tablesOf(t.database.options);
    for (const [table, known] of Object.entries(columns)) {
      for (const row of after[table]) expect(Object.keys(row).toSorted()).toEqual(known.toSorted());
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

    expect(t.simulator.messages.size).toBeGreaterThan(BODIES / 5);
    for (const { form } of t.simulator.messages.values()) {
      for (const key of form.keys()) {
        expect(DENIED).not.toContain(key);
        expect(key).toMatch(/^[A-Z][A-Za-z0-9]{0,63}$/);
      }
    }
  }, 120_000);
});

const columnsOf = ({ entityMetadatas }: DataSource): Record<string, string[]> =>
  Object.fromEntries(
    entityMetadatas.map(({ tableName, columns }) => [
      tableName,
      columns.map(({ databaseName }) => databaseName),
    ]),
  );
