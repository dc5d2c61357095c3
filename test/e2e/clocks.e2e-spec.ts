import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import type { DataSourceOptions } from 'typeorm';
import { DatabaseClock } from '../../src/database/database-clock.js';
import { instantOf } from '../../src/database/time-ordered-id.js';
import {
  fictionalNumber,
  startApplication,
  startHost,
  type TestApplication,
} from '../support/application.js';
import { DATABASES, describeOn } from '../support/databases.js';

const DAY_MS = 86_400_000;
const JUMP_MS = 500 * DAY_MS;

const send = async (t: TestApplication, index: number): Promise<string> => {
  const { body } = await t
    .api()
    .post('/v3/notifications')
    .send({
      notification: { title: 'Hello' },
      sendTo: {
        recipients: [{ identifier: `user-${index}`, phoneNumber: fictionalNumber(index) }],
      },
    })
    .expect(202);
  const { requestId } = body as { requestId: string };
  await t.settled(requestId, `user-${index}`, 'seen');
  return requestId;
};

for (const { name, url } of DATABASES) {
  describeOn(url)(name, () => {
    it('erases nothing when the clock of the process is 500 days ahead, and stores instants by the clock of the database', async () => {
      const now = jest.spyOn(Date, 'now');
      const real = () => performance.timeOrigin + performance.now();
      now.mockImplementation(() => real() + JUMP_MS);
      try {
        const t = await startApplication({ database: url });
        const requestId = await send(t, 5);
        const host = await startHost(t.database.options, t.simulator.url, {
          options: { retention: { redactAfterDays: 30, purgeAfterDays: 30 } },
        });
        await delay(500);
        const { body } = await t.api().get(`/v3/notifications/${requestId}`).expect(200);
        expect(body.messages.items[0]).not.toHaveProperty('redactedAt');
        const { body: instances } = await t.api().get('/v3/provider-instances').expect(200);
        for (const instant of [
          instantOf(requestId),
          instantOf(body.messages.items[0].id),
          instantOf(instances.items[0].id),
          Date.parse(body.createdAt),
        ]) {
          expect(Math.abs(instant - real())).toBeLessThan(60_000);
        }
        await host.app.close();
        await t.stop();
      } finally {
        now.mockRestore();
      }
    });
  });
}

describe('a clock of the database that is set ahead by 500 days', () => {
  let offsetMs = 0;
  let warn: jest.SpiedFunction<Logger['warn']>;
  /** SQLite's clock is the machine's: its function takes the place of one that can be set. */
  const withClock = (options: DataSourceOptions): DataSourceOptions =>
    ({
      ...options,
      prepareDatabase: (db: SqliteFunctions) =>
        db.function('unixepoch', { varargs: true }, () => (Date.now() + offsetMs) / 1000),
    }) as DataSourceOptions;

  beforeEach(() => {
    offsetMs = 0;
    warn = jest.spyOn(Logger.prototype, 'warn');
  });
  afterEach(() => warn.mockRestore());

  it('is noticed, and nothing is erased on its account', async () => {
    const period = 8000;
    const t = await startApplication({
      dataSource: withClock,
      options: { retention: { purgeAfterDays: period / DAY_MS } },
    });
    const requestId = await send(t, 7);
    offsetMs = JUMP_MS;
    // Retention rests for a quarter of the period.
    await delay(period / 2);
    await t.api().get(`/v3/notifications/${requestId}`).expect(200);
    expect(warn.mock.calls.flat()).toContainEqual(
      expect.stringContaining('clock has gone 12000 h ahead since the process began'),
    );
    // What is old by time that has passed is erased all the same.
    await eventuallyGone(t, requestId, 2 * period);
    await t.stop();
  });

  it('is noticed when the application starts, and nothing is erased at once', async () => {
    const t = await startApplication();
    const requestId = await send(t, 9);
    offsetMs = JUMP_MS;
    const host = await startHost(t.database.options, t.simulator.url, {
      dataSource: withClock,
      options: { retention: { purgeAfterDays: 30 } },
    });
    await delay(500);
    await t.api().get(`/v3/notifications/${requestId}`).expect(200);
    expect(warn.mock.calls.flat()).toContainEqual(
      expect.stringContaining('no notification was accepted for 12000 h'),
    );
    await host.app.close();
    await t.stop();
  });

  it('is noticed when the application starts, also when notifications were accepted by it', async () => {
    const t = await startApplication({ dataSource: withClock });
    const requestId = await send(t, 11);
    offsetMs = JUMP_MS;
    await t.app.get(DatabaseClock, { strict: false }).synchronise();
    await send(t, 12);
    const host = await startHost(t.database.options, t.simulator.url, {
      dataSource: withClock,
      options: { retention: { purgeAfterDays: 30 } },
    });
    await delay(500);
    await t.api().get(`/v3/notifications/${requestId}`).expect(200);
    expect(warn.mock.calls.flat()).toContainEqual(
      expect.stringContaining('no notification was accepted for 12000 h'),
    );
    await host.app.close();
    await t.stop();
  });
});

interface SqliteFunctions {
  function(name: string, options: { varargs: boolean }, value: () => number): unknown;
}

async function eventuallyGone(t: TestApplication, requestId: string, ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  for (;;) {
    const { status } = await t.api().get(`/v3/notifications/${requestId}`);
    if (status === 404) return;
    if (performance.now() > deadline) throw new Error(`The last answer was ${status}`);
    await delay(100);
  }
}
