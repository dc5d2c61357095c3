import { jest } from '@jest/globals';
import fc from 'fast-check';
import { Database } from '../../src/database/database.js';
import { Claims, UnconfirmedClaim, type ClaimedMessage } from '../../src/delivery/claims.js';
import { Courier } from '../../src/delivery/courier.js';
import { Dispatcher } from '../../src/delivery/dispatcher.js';
import type { Evidence } from '../../src/delivery/evidence.js';
import { MessageLedger } from '../../src/delivery/ledger.js';
import { TwilioWhatsappSender } from '../../src/index.js';
import { eventTypeOf } from '../../src/twilio/statuses.js';
import { startApplication, type TestApplication } from '../support/application.js';

const LEASE_MS = 1;

describe('whoever is first: the answer, the callbacks, the end of the lease', () => {
  let t: TestApplication;
  let ledger: MessageLedger;
  let sends = 0;

  beforeAll(async () => {
    t = await startApplication({ options: { delivery: { pollIntervalMs: 60_000 } } });
    ledger = t.app.get(MessageLedger, { strict: false });
    // The test itself is the worker.
    t.app.get(Dispatcher, { strict: false }).onModuleDestroy();
  });
  afterAll(() => t.stop());

  const accept = () =>
    t.app.get(TwilioWhatsappSender, { strict: false }).send({
      notification: { title: 'Hello' },
      sendTo: { recipients: [{ identifier: 'user', phoneNumber: '+447700900100' }] },
    });
  const take = () => t.app.get(Claims, { strict: false }).take(LEASE_MS);
  const claim = async (): Promise<ClaimedMessage & { requestId: string }> => {
    const { requestId } = await accept();
    const { messages } = await take();
    return { ...messages[0], requestId };
  };

  it('ends in the same status, with each event once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        const { id, fence, requestId } = await claim();
        const sid = `SM${String(++sends).padStart(32, '0')}`;
        const at = Date.now();
        const record = (evidence: Evidence) => async () => void (await ledger.record(id, evidence));
        const report = (providerStatus: string) =>
          record({
            kind: 'reported',
            at,
            source: 'callback',
            sid,
            providerStatus,
            matchedBy: 'url',
            attempt: 1,
            type: eventTypeOf(providerStatus),
          });
        s.scheduleSequence([
          record({ kind: 'accepted', at, sid, providerStatus: 'queued', attempt: 1, fence }),
        ]);
        s.scheduleSequence([report('sent'), report('delivered')]);
        s.scheduleSequence([report('read'), report('read')]);
        s.scheduleSequence([() => ledger.sweep(10), () => ledger.sweep(10)]);
        await s.waitIdle();

        const { messages } = await t.app
          .get(TwilioWhatsappSender, { strict: false })
          .status(requestId);
        expect(messages.items).toMatchObject([{ status: 'seen', sid, attempts: 1 }]);
        const { body } = await t.api().get(`/v3/messages/${id}`);
        const told = (body as { events: { providerStatus: string }[] }).events;
        expect(told.map(({ providerStatus }) => providerStatus).toSorted()).toEqual([
          'delivered',
          'queued',
          'read',
          'sent',
        ]);
        expect(body.attemptLog).toMatchObject([{ outcome: 'accepted', sid }]);
      }),
      { numRuns: 40 },
    );
  });

  it('leaves the next claim alone when one is withdrawn that was rolled back', async () => {
    const database = t.app.get(Database, { strict: false });
    const { requestId } = await accept();
    jest.spyOn(database, 'transaction').mockImplementationOnce((begin) =>
      database.transaction(function* () {
        yield* begin();
        throw new Error('the commit failed');
      }),
    );
    const lost: unknown = await take().catch((error: unknown) => error);
    const { messages } = await take();
    expect(messages).toMatchObject([{ requestId }]);
    expect(lost).toMatchObject({ messages: [{ id: messages[0].id }] });
    await t.app.get(Courier, { strict: false }).withdraw((lost as UnconfirmedClaim).messages[0]);
    expect(
      await database.query(
        'SELECT status, fence FROM twilio_whatsapp_message WHERE id = ?',
        messages[0].id,
      ),
    ).toEqual([{ status: 'sending', fence: messages[0].fence }]);
  });

  it.each([
    ['the callback', 'the end'],
    ['the end', 'the callback'],
  ])('lets proof win in one commit: %s before %s', async (first) => {
    const { id, fence } = await claim();
    const at = Date.now();
    const sid = `SM${String(++sends).padStart(32, '0')}`;
    const proof: Evidence = {
      kind: 'reported',
      at,
      source: 'callback',
      sid,
      providerStatus: 'delivered',
      type: 'delivered',
      matchedBy: 'url',
      attempt: 1,
    };
    const unclear: Evidence = { kind: 'ambiguous', at, attempt: 1, fence };
    const order = first === 'the callback' ? [proof, unclear] : [unclear, proof];
    await Promise.all(order.map((evidence) => ledger.record(id, evidence)));
    const { body } = await t.api().get(`/v3/messages/${id}`);
    expect(body).toMatchObject({ status: 'delivered', attemptLog: [{ outcome: 'accepted', sid }] });
  });
});
