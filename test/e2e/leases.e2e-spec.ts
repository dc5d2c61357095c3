import { jest } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { Claims } from '../../src/delivery/claims.js';
import { Courier } from '../../src/delivery/courier.js';
import { Dispatcher } from '../../src/delivery/dispatcher.js';
import { NotificationStore } from '../../src/delivery/notification-store.js';
import { TwilioWhatsappSender } from '../../src/index.js';
import { TwilioGateway } from '../../src/twilio/twilio.gateway.js';
import { fictionalNumber, startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

const REQUEST_TIMEOUT_MS = 10_000;

describe('a worker that holds a message', () => {
  let t: TestApplication;
  let courier: Courier;
  let claims: Claims;
  let numbers = 0;

  beforeAll(async () => {
    t = await startApplication({
      options: { delivery: { pollIntervalMs: 60_000, requestTimeoutMs: REQUEST_TIMEOUT_MS } },
    });
    courier = t.app.get(Courier, { strict: false });
    claims = t.app.get(Claims, { strict: false });
    // The test itself is the worker.
    t.app.get(Dispatcher, { strict: false }).onModuleDestroy();
  });
  afterAll(() => t.stop());

  const claim = async () => {
    const phoneNumber = fictionalNumber(++numbers);
    t.simulator.script(phoneNumber, { statuses: [] });
    const { requestId } = await t.app.get(TwilioWhatsappSender, { strict: false }).send({
      notification: { title: 'Hello' },
      sendTo: { recipients: [{ identifier: `user-${numbers}`, phoneNumber }] },
    });
    const { messages } = await claims.take(courier.leaseMs);
    const shipment = await t.app.get(NotificationStore, { strict: false }).get(requestId);
    return { message: messages[0], shipment };
  };
  const detail = async (id: string) => (await t.api().get(`/v3/messages/${id}`)).body;

  it('sends it only while the request would end before the lease', async () => {
    const { message, shipment } = await claim();
    const latest = courier.leaseMs - REQUEST_TIMEOUT_MS;
    const tooLate = await courier.post(message, shipment, performance.now() - latest - 1);
    expect(tooLate).toMatchObject({ kind: 'notSent', reason: 'lease_lost' });
    expect(t.simulator.posts).toHaveLength(0);

    const inTime = await courier.post(message, shipment, performance.now() - latest + 2000);
    expect(inTime).toMatchObject({ kind: 'accepted' });
    expect(t.simulator.posts).toHaveLength(1);
    await courier.settle(message.id, inTime);
  });

  it('may hold it for longer than the request may take', () => {
    expect(courier.leaseMs).toBeGreaterThan(REQUEST_TIMEOUT_MS);
  });

  it('proves nothing by a SID that another message has', async () => {
    const accepted = (fence: number) =>
      ({
        kind: 'accepted',
        at: Date.now(),
        sid: `SM${'5'.repeat(32)}`,
        providerStatus: 'queued',
        attempt: 1,
        fence,
      }) as const;
    const { message: first } = await claim();
    const { message: second } = await claim();
    await courier.settle(first.id, accepted(first.fence));
    await courier.settle(second.id, accepted(second.fence));
    expect(await detail(first.id)).toMatchObject({ status: 'sent' });
    expect(await detail(second.id)).toMatchObject({
      status: 'unknown',
      attemptLog: [{ outcome: 'ambiguous', detail: 'its SID belongs to another message' }],
    });
  });
});

it('the time that a claim takes counts against the lease', async () => {
  const requestTimeoutMs = 100;
  const t = await startApplication({ options: { delivery: { requestTimeoutMs } } });
  const sender = t.app.get(TwilioWhatsappSender, { strict: false });
  const { leaseMs } = t.app.get(Courier, { strict: false });
  // Loading the SDK takes its time too.
  await t.app.get(TwilioGateway, { strict: false }).load();
  const takes = jest.spyOn(t.app.get(Claims, { strict: false }), 'take');
  const phoneNumber = fictionalNumber(1);
  const { requestId } = await t.app
    .get(DataSource, { strict: false })
    .transaction(async (transaction) => {
      const accepted = await sender.send(
        {
          notification: { title: 'Hello' },
          sendTo: { recipients: [{ identifier: 'user', phoneNumber }] },
        },
        { transaction },
      );
      // The next claim has the message in view, and waits for this transaction to end.
      const before = takes.mock.calls.length;
      await eventually(() => takes.mock.calls.length > before);
      await delay(leaseMs - requestTimeoutMs + 10);
      return accepted;
    });
  const { messages } = await sender.status(requestId);
  const firstAttempt = async () => {
    const { body } = await t.api().get(`/v3/messages/${messages.items[0].id}`);
    return (body.attemptLog as ({ outcome?: string } | undefined)[])[0];
  };
  // The end of the lease may be seen before the outcome is stored.
  const first = await eventually(
    firstAttempt,
    (attempt) => !['ambiguous', undefined].includes(attempt?.outcome),
  );
  expect(first).toMatchObject({
    outcome: 'notSent',
    detail: expect.stringContaining('stood still'),
  });
  await t.stop();
});
