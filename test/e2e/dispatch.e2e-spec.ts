import { DataSource } from 'typeorm';
import { DatabaseClock } from '../../src/database/database-clock.js';
import { Dispatcher } from '../../src/delivery/dispatcher.js';
import { InFlight } from '../../src/delivery/in-flight.js';
import { OpenQueues } from '../../src/delivery/open-queues.js';
import { TwilioWhatsappSender } from '../../src/index.js';
import {
  ACCOUNT_SID,
  fictionalNumber,
  startApplication,
  type TestApplication,
} from '../support/application.js';
import { whenClockIsAhead } from '../support/clock.js';
import { eventually } from '../support/eventually.js';

/** Far longer than a test may take: what is sent was woken for. */
const NEVER = 60_000;

describe('the dispatcher', () => {
  let t: TestApplication;
  let sender: TwilioWhatsappSender;

  const start = async (delivery: object) => {
    t = await startApplication({ options: { delivery } });
    sender = t.app.get(TwilioWhatsappSender, { strict: false });
  };
  afterEach(() => t.stop());

  const request = (index: number) => ({
    notification: { title: 'Hello' },
    sendTo: { recipients: [{ identifier: `user-${index}`, phoneNumber: fictionalNumber(index) }] },
  });

  it('has fewer requests under way once Twilio has said that there are too many', async () => {
    await start({});
    const inFlight = t.app.get(InFlight, { strict: false });
    expect(inFlight.limit(ACCOUNT_SID)).toBe(64);
    t.simulator.script(fictionalNumber(1), { faults: ['tooManyRequests'], retryAfter: 60 });
    await sender.send(request(1));
    await eventually(
      () => inFlight.limit(ACCOUNT_SID),
      (limit) => limit === 32,
    );
  });

  it('is woken by the commit of a host', async () => {
    await start({ pollIntervalMs: NEVER });
    const { requestId } = await t.app
      .get(DataSource, { strict: false })
      .transaction((transaction) => sender.send(request(2), { transaction }));
    await t.settled(requestId, 'user-2', 'seen');
  });

  it('claims from 32 of the queues at a time, and leaves none out', async () => {
    await start({ pollIntervalMs: NEVER });
    t.app.get(Dispatcher, { strict: false }).onModuleDestroy();
    const count = 40;
    for (let index = 0; index < count; index++) {
      await sender.send({
        ...request(index),
        override: { twilio_whatsapp: { From: fictionalNumber(200 + index) } },
      });
    }
    const openQueues = t.app.get(OpenQueues, { strict: false });
    const chosen = new Set<string>();
    // That one of them is left out this often happens once in 10^20 times.
    for (let look = 0; look < 30; look++) {
      const { queues, restMs } = await openQueues.look(Date.now() + NEVER);
      expect([queues.length, restMs]).toEqual([32, 0]);
      for (const queue of queues) chosen.add(queue.sender);
    }
    expect(chosen.size).toBe(count);
  });

  it('goes on asking the database for the time', async () => {
    await start({ pollIntervalMs: 20 });
    const clock = t.app.get(DatabaseClock, { strict: false });
    await whenClockIsAhead(3_600_000, async () => {
      expect(clock.now()).toBeGreaterThan(Date.now() + 3_500_000);
      await eventually(
        () => clock.now() - Date.now(),
        (aheadMs) => Math.abs(aheadMs) < 60_000,
      );
    });
  });
});
