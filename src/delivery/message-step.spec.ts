import fc from 'fast-check';
import { eventTypeOf } from '../twilio/statuses.js';
import type { Evidence, Report } from './evidence.js';
import { initialState, type MessageState, type Step } from './message-state.js';
import { disproofBy } from './disproof.js';
import { step } from './message-step.js';

const SID = `SM${'1'.repeat(32)}`;
const OTHER_SID = `SM${'2'.repeat(32)}`;

const fold = (state: MessageState, ...evidence: Evidence[]): MessageState =>
  evidence.reduce((current, each) => step(current, each).state, state);

const started = (fence = 1, at = 2): Evidence => ({
  kind: 'started',
  at,
  fence,
  leaseUntil: at + 100,
});
const accepted = (fence: number, attempt = 1, at = 3, sid = SID): Evidence => ({
  kind: 'accepted',
  at,
  sid,
  fence,
  attempt,
  providerStatus: 'queued',
  httpStatus: 201,
});
const ambiguous = (fence: number, at = 3): Evidence => ({
  kind: 'ambiguous',
  at,
  fence,
  attempt: 1,
});
const rejected = (fence: number, at = 3): Evidence => ({
  kind: 'rejected',
  at,
  fence,
  attempt: 1,
  reason: 'phone_invalid',
  explanation: 'No.',
  errorCode: 21211,
});
const notSent = (fence: number, retryAt: number | null, at = 3): Evidence => ({
  kind: 'notSent',
  at,
  fence,
  attempt: 1,
  reason: 'rate_limited',
  explanation: 'Slow down.',
  retryAt,
});
const reported = (
  providerStatus: string,
  at = 4,
  sid = SID,
  errorCode?: number,
): Report & { at: number } => ({
  kind: 'reported',
  at,
  source: 'callback',
  sid,
  providerStatus,
  matchedBy: 'url',
  attempt: 1,
  type: eventTypeOf(providerStatus),
  ...(eventTypeOf(providerStatus) === 'discarded' && {
    discard: { reason: `reason_${errorCode}`, explanation: `Because of ${errorCode}.`, errorCode },
  }),
});

const sending = fold(initialState(0, Infinity), started());

describe('a message that is sent', () => {
  it('goes from queued to sending to sent', () => {
    expect(sending).toMatchObject({ status: 'sending', attempts: 1 });
    const sent = step(sending, accepted(1));
    expect(sent.state).toMatchObject({ status: 'sent', sid: SID, sentAt: 3, dueAt: 600_003 });
    expect(sent.learnt).toEqual(['sent']);
    expect(sent.attempt).toMatchObject({ no: 1, outcome: 'accepted' });
  });

  it('is not started before it is due, nor twice', () => {
    expect(step(initialState(10, Infinity), started(1, 9)).applied).toBe(false);
    expect(step(sending, started(2, 200)).applied).toBe(false);
  });
});

describe('positive evidence', () => {
  it('is adopted from a worker that lost its lease', () => {
    const lost = fold(sending, { kind: 'lapsed', at: 500 });
    expect(lost.status).toBe('unknown');
    expect(fold(lost, accepted(1, 1, 600))).toMatchObject({
      status: 'sent',
      sid: SID,
      reason: null,
    });
  });

  it('withdraws a message that was queued again', () => {
    const again = fold(sending, ambiguous(1), { kind: 'resolved', at: 5, status: 'queued' });
    expect(again.status).toBe('queued');
    const adopted = fold(again, reported('delivered', 6));
    expect(adopted).toMatchObject({ status: 'delivered', sid: SID });
    expect(step(adopted, started(2, 7)).applied).toBe(false);
  });

  it('corrects a message that was given up', () => {
    const gaveUp = fold(sending, ambiguous(1), { kind: 'resolved', at: 5, status: 'discarded' });
    expect(gaveUp.status).toBe('discarded');
    expect(fold(gaveUp, reported('sent', 6))).toMatchObject({ status: 'sent', discardedAt: null });
  });

  it('comes before the answer to the POST', () => {
    const early = step(sending, reported('delivered', 3));
    expect(early.state).toMatchObject({ status: 'delivered', sid: SID, sentAt: 3, deliveredAt: 3 });
    expect(early.learnt).toEqual(['sent', 'delivered']);
    const late = step(early.state, accepted(1, 1, 4));
    expect(late.state.status).toBe('delivered');
    expect(late.learnt).toEqual([]);
  });
});

describe('negative evidence', () => {
  it.each([
    ['rejected', rejected(1), { status: 'discarded', reason: 'phone_invalid', errorCode: 21211 }],
    ['ambiguous', ambiguous(1), { status: 'unknown', reason: 'outcome_unknown', dueAt: 15_003 }],
    ['not sent', notSent(1, 50), { status: 'queued', dueAt: 50 }],
    [
      'not sent for the last time',
      notSent(1, null),
      { status: 'discarded', reason: 'rate_limited' },
    ],
  ])('counts with the fence: %s', (_case, evidence, expected) => {
    expect(fold(sending, evidence)).toMatchObject(expected);
  });

  it.each([
    ['rejected', rejected(0)],
    ['ambiguous', ambiguous(0)],
    ['not sent', notSent(0, 50)],
  ])('does not count without it: %s', (_case, evidence) => {
    const ignored = step(sending, evidence);
    expect(ignored.applied).toBe(false);
    expect(ignored.state).toBe(sending);
  });
});

describe('a worker that speaks after its lease has ended', () => {
  const lapsed = fold(sending, { kind: 'lapsed', at: 500 });

  it.each([
    ['rejected', rejected(1, 600), { status: 'discarded', reason: 'phone_invalid' }],
    ['not sent', notSent(1, 700, 600), { status: 'queued', dueAt: 700 }],
  ])('is heard when it knows for certain: %s', (_case, evidence, expected) => {
    expect(fold(lapsed, evidence)).toMatchObject(expected);
  });

  it('is not heard about an attempt that another has followed', () => {
    const next = fold(lapsed, { kind: 'resolved', at: 600, status: 'queued' });
    const second = fold(next, started(9, 701));
    expect(step(second, rejected(1, 800)).applied).toBe(false);
    expect(step(fold(second, { kind: 'lapsed', at: 900 }), rejected(1, 950)).applied).toBe(false);
  });
});

describe('a start that was not confirmed', () => {
  const withdrawn = (fence: number) =>
    ({ ...notSent(fence, 5, 5), isUnconfirmed: true }) as Evidence;

  it('is taken back where it came about', () => {
    expect(fold(sending, withdrawn(1))).toMatchObject({ status: 'queued', dueAt: 5, attempts: 1 });
  });

  it('is taken back even after its lease has ended', () => {
    const lapsed = fold(sending, { kind: 'lapsed', at: 500 });
    expect(fold(lapsed, withdrawn(1))).toMatchObject({ status: 'queued', dueAt: 5 });
  });

  it('leaves alone what another has started, or Twilio has', () => {
    const rolledBack = initialState(0, Infinity);
    const another = step(fold(rolledBack, started(2)), withdrawn(1));
    // Its attempt has the same number, and nothing is known of it.
    expect(another.applied).toBe(false);
    expect(another.attempt).toBeUndefined();
    const adopted = fold(sending, reported('sent'));
    expect(step(adopted, withdrawn(1)).applied).toBe(false);
  });
});

describe('a lease that ends', () => {
  it('leaves what was started unknown', () => {
    const lapsed = step(sending, { kind: 'lapsed', at: 200 });
    expect(lapsed.state.status).toBe('unknown');
    expect(lapsed.attempt).toMatchObject({ no: 1, outcome: 'ambiguous' });
  });

  it('is not over before its time', () => {
    expect(step(sending, { kind: 'lapsed', at: 50 }).applied).toBe(false);
  });
});

describe('a message that cannot be sent', () => {
  it('expires, with what kept it', () => {
    const waiting = fold(initialState(0, 100), started(), notSent(1, 50));
    expect(waiting).toMatchObject({ status: 'queued', reason: 'rate_limited' });
    expect(fold(waiting, started(2, 99)).status).toBe('sending');
    expect(fold(waiting, started(2, 100))).toMatchObject({
      status: 'discarded',
      reason: 'expired',
      explanation: expect.stringContaining('Slow down.'),
    });
  });
});

describe('a message of which nothing is heard', () => {
  const checked = (at: number): Evidence => ({ kind: 'checked', at });

  it('is looked for in Twilio’s list, less and less often, and at last no more', () => {
    let state = fold(sending, ambiguous(1, 0));
    const waits: number[] = [];
    let now = 0;
    while (state.dueAt !== null) {
      waits.push((state.dueAt - now) / 1000);
      now = state.dueAt;
      expect(step(state, checked(now - 1)).applied).toBe(false);
      state = fold(state, checked(now));
    }
    expect(waits).toEqual([15, 60, 300, 900, 86_400, 86_400, 86_400]);
    expect(state.status).toBe('unknown');
  });

  it('is asked for by its SID, until it is delivered', () => {
    const sent = fold(sending, accepted(1, 1, 0));
    expect(sent.dueAt).toBe(600_000);
    expect(fold(sent, checked(600_000)).dueAt).toBe(600_000 + 3_600_000);
    expect(fold(sent, reported('delivered')).dueAt).toBeNull();
    expect(step(fold(sent, reported('delivered')), checked(1e12)).applied).toBe(false);
  });
});

describe('delivery after a failure', () => {
  it.each(['delivered', 'read'])('leaves no instant of the failure: %s', (status) => {
    const failed = fold(sending, accepted(1), reported('failed', 5, SID, 63024));
    expect(failed).toMatchObject({ status: 'discarded', discardedAt: 5 });
    const taken = step(failed, reported(status, 6));
    expect(taken.state).toMatchObject({ deliveredAt: 6, discardedAt: null });
    expect(taken.learnt).not.toContain('discarded');
    const late = step(taken.state, reported('undelivered', 7, SID, 63024));
    expect(late.state).toEqual(taken.state);
    expect(late.event).toMatchObject({ type: 'discarded', errorCode: 63024 });
  });
});

describe('commands', () => {
  it('cancel what is queued, and nothing else', () => {
    const canceled = step(initialState(0, Infinity), { kind: 'canceled', at: 5 });
    expect(canceled.state).toMatchObject({
      status: 'discarded',
      reason: 'canceled',
      discardedAt: 5,
    });
    expect(step(canceled.state, started()).applied).toBe(false);
    expect(step(sending, { kind: 'canceled', at: 5 }).applied).toBe(false);
  });

  it('send again what is unknown, however old it is', () => {
    const old = fold(initialState(0, 100), started(), ambiguous(1));
    const again = fold(old, { kind: 'resolved', at: 5000, status: 'queued' });
    expect(fold(again, started(2, 5001)).status).toBe('sending');
  });

  it('resolve what is unknown, and nothing else', () => {
    const unknown = fold(sending, ambiguous(1));
    expect(fold(unknown, { kind: 'resolved', at: 5, status: 'sent', sid: SID })).toMatchObject({
      status: 'sent',
      sid: SID,
    });
    expect(step(sending, { kind: 'resolved', at: 5, status: 'sent' }).applied).toBe(false);
  });
});

describe('reports', () => {
  const sent = fold(sending, accepted(1));

  it('never lower the status', () => {
    const seen = fold(sent, reported('read', 5));
    for (const status of ['sent', 'delivered', 'failed', 'undelivered', 'queued']) {
      expect(fold(seen, reported(status, 6, SID, 63016)).status).toBe('seen');
    }
  });

  it('of a reading tell the delivery too, and once', () => {
    const read = step(sent, reported('read', 5));
    expect(read.state).toMatchObject({ status: 'seen', seenAt: 5, deliveredAt: 5 });
    expect(read.learnt).toEqual(['delivered', 'seen']);
    const delivered = step(read.state, reported('delivered', 6));
    expect(delivered.state).toEqual(read.state);
    expect(delivered.learnt).toEqual([]);
    expect(delivered.event).toMatchObject({ providerStatus: 'delivered' });
  });

  it('tell a failure that comes twice once', () => {
    const undelivered = step(sent, reported('undelivered', 5, SID, 63016));
    expect(undelivered.learnt).toEqual(['discarded']);
    const failed = step(undelivered.state, reported('failed', 6, SID, 63016));
    expect(failed.learnt).toEqual([]);
    expect(failed.event).toMatchObject({ providerStatus: 'failed' });
  });

  it('never erase an explanation', () => {
    const explained = fold(sent, reported('undelivered', 5, SID, 63016));
    expect(fold(explained, reported('failed', 6))).toMatchObject({
      errorCode: 63016,
      reason: 'reason_63016',
    });
    const bare = fold(sent, reported('undelivered', 5));
    expect(fold(bare, reported('failed', 6, SID, 63016))).toMatchObject({ errorCode: 63016 });
  });

  it('let delivery win over failure', () => {
    expect(fold(sent, reported('failed', 5, SID, 63016), reported('delivered', 6)).status).toBe(
      'delivered',
    );
  });

  it('of statuses that nobody knows are kept and change nothing', () => {
    const puzzled = step(sent, reported('teleported', 5));
    expect(puzzled.state).toEqual(sent);
    expect(puzzled.event).toMatchObject({ providerStatus: 'teleported', type: undefined });
  });

  it('of a second send never say that the message was not delivered', () => {
    expect(fold(sent, reported('failed', 5, OTHER_SID, 63016))).toMatchObject({
      status: 'sent',
      sid: SID,
    });
    expect(fold(sent, reported('delivered', 5, OTHER_SID)).status).toBe('delivered');
  });
});

describe('a limit that was exceeded after Twilio had accepted the message', () => {
  const sent = fold(sending, accepted(1));
  const limited = (at = 5, sid = SID): Evidence => ({
    ...reported('failed', at, sid, 63018),
    jitter: 0.5,
  });

  it('calls for another attempt', () => {
    const again = step(sent, limited());
    expect(again.state).toMatchObject({
      status: 'queued',
      sid: null,
      dueAt: 1005,
      errorCode: 63018,
      sentAt: 3,
    });
    expect(again.learnt).toEqual([]);
    expect(again.event).toMatchObject({ providerStatus: 'failed', type: undefined });
    const second = fold(again.state, started(9, 2001));
    expect(fold(second, accepted(second.fence, 2, 2002, OTHER_SID))).toMatchObject({
      status: 'sent',
      sid: OTHER_SID,
      errorCode: null,
    });
  });

  it('is told only once, and nothing that comes later calls the attempt sent', () => {
    const again = fold(sent, limited());
    for (const late of [
      limited(6),
      reported('sent', 6),
      reported('undelivered', 6, SID, 63018),
      accepted(1, 1, 6),
    ]) {
      expect(step(again, late)).toMatchObject({ applied: false, state: again });
    }
  });

  it('is not taken for the failure of the next attempt when the report is found by its SID', () => {
    const again = fold(sent, limited());
    const second = fold(again, started(9, 2001));
    for (const late of [limited(2002), reported('undelivered', 2002, SID, 63018)]) {
      expect(step(second, { ...late, matchedBy: 'sid' } as Evidence)).toMatchObject({
        applied: false,
        state: second,
      });
    }
    const accepted2 = fold(second, accepted(second.fence, 2, 2003, OTHER_SID));
    const failure = {
      ...limited(2004, OTHER_SID),
      matchedBy: 'sid',
      attempt: undefined,
    } as Evidence;
    expect(fold(accepted2, failure)).toMatchObject({ status: 'queued', failedAttempts: 2 });
  });

  it('counts for its attempt though another message has the SID, and notes no SID there', () => {
    const second = fold(fold(sent, limited()), started(9, 2001));
    const unknown = fold(second, { kind: 'lapsed', at: 5000 });
    const taken = { attempt: 2, isSidTaken: true };
    const failed = step(unknown, { ...reported('failed', 5001, OTHER_SID, 63024), ...taken });
    expect(failed.state).toMatchObject({ status: 'discarded', errorCode: 63024 });
    expect(failed.attempt).toBeUndefined();

    const resent = { ...second, failedAttempts: 0 };
    const first = step(resent, { ...limited(2002, OTHER_SID), isSidTaken: true } as Evidence);
    expect(first.state.failedAttempts).toBe(1);
  });

  it('may come before the answer to the POST', () => {
    const early = step(sending, limited());
    expect(early.state).toMatchObject({ status: 'queued', failedAttempts: 1 });
    expect(early.attempt).toMatchObject({ no: 1, outcome: 'accepted', sid: SID });
    expect(step(early.state, accepted(1, 1, 6)).state).toBe(early.state);
  });

  it('yields to the proof that the message arrived all the same', () => {
    const again = fold(sent, limited());
    const arrived = fold(again, reported('delivered', 6));
    expect(arrived).toMatchObject({ status: 'delivered', sid: SID });
    expect(step(arrived, started(9, 2000)).applied).toBe(false);
    expect(fold(fold(sent, reported('delivered', 4)), limited()).status).toBe('delivered');
  });

  it('ends in a discarded message after eight attempts', () => {
    expect(fold({ ...sent, attempts: 8 }, limited())).toMatchObject({
      status: 'discarded',
      errorCode: 63018,
    });
  });
});

describe('a message that Twilio may have', () => {
  const checks = (count: number, state: MessageState): MessageState =>
    Array.from({ length: count }).reduce<MessageState>(
      (current) => fold(current, { kind: 'checked', at: current.dueAt! }),
      state,
    );
  const missing = (attempt = 1): Evidence => ({
    kind: 'missing',
    at: 2e6,
    attempt,
    resendAt: 2e6,
  });

  it('is sent again at once where the policy says so, at most eight times', () => {
    const lost: Evidence = { ...ambiguous(1), kind: 'ambiguous', resendAt: 50 } as Evidence;
    expect(fold(sending, lost)).toMatchObject({ status: 'queued', dueAt: 50 });
    expect(fold({ ...sending, attempts: 8 }, lost).status).toBe('unknown');
    const lapsed: Evidence = { kind: 'lapsed', at: 500, resendAt: 500 };
    expect(fold(sending, lapsed)).toMatchObject({ status: 'queued', dueAt: 500 });
  });

  it('is sent again after four looks that did not find it, where the policy says so', () => {
    const unknown = fold(sending, ambiguous(1));
    const look = (state: MessageState) => fold(checks(1, state), missing());
    const thrice = look(look(look(unknown)));
    expect(thrice).toMatchObject({ status: 'unknown', notFoundCount: 3 });
    expect(look(thrice)).toMatchObject({ status: 'queued', dueAt: 2e6 });
    expect(step(checks(1, thrice), missing(0)).applied).toBe(false);
    expect(step(fold(unknown, reported('sent')), missing()).applied).toBe(false);
  });

  it('is not sent again on account of looks that Twilio did not answer, nor of one that is told twice', () => {
    const unknown = fold(sending, ambiguous(1));
    expect(fold(checks(4, unknown), missing())).toMatchObject({
      status: 'unknown',
      notFoundCount: 1,
    });
    const told = Array.from({ length: 9 }, () => missing());
    expect(fold(checks(3, unknown), ...told)).toMatchObject({
      status: 'unknown',
      notFoundCount: 3,
    });
  });
});

describe('any order and repetition of the same evidence', () => {
  const STATUSES = [
    'queued',
    'sent',
    'delivered',
    'read',
    'undelivered',
    'failed',
    'partially_delivered',
    'odd',
  ];
  const evidence = fc
    .uniqueArray(fc.constantFrom(...STATUSES), { minLength: 1 })
    .chain((statuses) =>
      fc.record({
        once: fc.constant(statuses),
        shuffled: fc.shuffledSubarray([...statuses, ...statuses], {
          minLength: statuses.length * 2,
        }),
        answerAt: fc.nat({ max: statuses.length * 2 }),
      }),
    );

  it('ends the same when a limit was exceeded', () => {
    const limits = fc
      .subarray(['sent', 'undelivered', 'failed', 'delivered', 'read'], { minLength: 1 })
      .filter((statuses) => statuses.some((status) => status === 'failed'))
      .chain((statuses) =>
        fc.record({
          statuses: fc.constant(statuses),
          shuffled: fc.shuffledSubarray([...statuses, ...statuses], {
            minLength: statuses.length * 2,
          }),
          answerAt: fc.nat({ max: statuses.length * 2 }),
        }),
      );
    const report = (status: string): Evidence => ({
      ...reported(status, 4, SID, 63018),
      ...(eventTypeOf(status) === 'discarded' && { jitter: 0.5 }),
    });
    fc.assert(
      fc.property(limits, ({ statuses, shuffled, answerAt }) => {
        const mixed = shuffled.map(report);
        mixed.splice(answerAt, 0, accepted(1));
        const { learnt, ...rest } = outcome(mixed);
        const { learnt: _order, ...expected } = outcome([accepted(1), ...statuses.map(report)]);
        expect(rest).toEqual(expected);
        expect(new Set(learnt).size).toBe(learnt.length);
        const arrived = statuses.includes('read')
          ? 'seen'
          : statuses.includes('delivered')
            ? 'delivered'
            : 'queued';
        expect(rest.status).toBe(arrived);
      }),
    );
  });

  const outcome = (all: Evidence[]) => {
    let state = sending;
    const steps: Step[] = all.map((each) => {
      const taken = step(state, each);
      state = taken.state;
      return taken;
    });
    return {
      status: state.status,
      events: [...new Set(steps.flatMap(({ event }) => event?.providerStatus ?? []))].toSorted(),
      times: [state.sentAt, state.deliveredAt, state.seenAt].map((at) => at !== null),
      learnt: steps.flatMap(({ learnt }) => learnt),
    };
  };

  it('ends in the same status and the same events, each learnt once', () => {
    fc.assert(
      fc.property(evidence, ({ once, shuffled, answerAt }) => {
        const inOrder = outcome([
          accepted(1),
          ...once.map((status) => reported(status, 4, SID, 63016)),
        ]);
        const mixed: Evidence[] = shuffled.map((status) => reported(status, 4, SID, 63016));
        mixed.splice(answerAt, 0, accepted(1));
        const { learnt, ...rest } = outcome(mixed);
        const { learnt: _order, ...expected } = inOrder;
        expect(rest).toEqual(expected);
        expect(new Set(learnt).size).toBe(learnt.length);
      }),
    );
  });
});

describe('a SID that was guessed', () => {
  const lost = fold(sending, ambiguous(1));
  const listed = (providerStatus = 'delivered', sid = OTHER_SID): Report & { at: number } => ({
    ...reported(providerStatus, 10, sid),
    source: 'poll',
    matchedBy: 'list',
  });
  const guessed = fold(lost, listed());
  const resolved = fold(lost, { kind: 'resolved', at: 10, status: 'sent', sid: OTHER_SID });

  /** Evidence with the disproof that comes before it, as it is folded in production. */
  const foldAll = (state: MessageState, evidence: Evidence): Step => {
    const disproof = disproofBy(state, evidence);
    return step(disproof ? step(state, disproof).state : state, evidence);
  };

  it('is taken with its source', () => {
    expect(guessed).toMatchObject({ status: 'delivered', sid: OTHER_SID, sidSource: 'poll' });
    expect(resolved).toMatchObject({ status: 'sent', sid: OTHER_SID, sidSource: 'operator' });
    expect(fold(sending, accepted(1)).sidSource).toBe('response');
    expect(fold(sending, reported('sent')).sidSource).toBe('callback');
    expect(step(lost, listed()).attempt).toMatchObject({ sid: OTHER_SID, sidSource: 'poll' });
  });

  it('is taken from a list only while the outcome of the same attempt is unknown', () => {
    for (const state of [sending, fold(sending, accepted(1)), initialState(0, Infinity)]) {
      expect(step(state, listed())).toMatchObject({ applied: false, state });
    }
    expect(step(lost, { ...listed(), attempt: 2 }).applied).toBe(false);
  });

  it('is not brought back by a report that was found by it', () => {
    const given = fold(guessed, { kind: 'disproved', at: 11, sid: OTHER_SID });
    for (const match of [{ matchedBy: 'sid' }, { matchedBy: 'list', attempt: 2 }] as const) {
      const late = { ...listed('read'), attempt: undefined, ...match };
      expect(step(given, late)).toEqual({ state: given, applied: false, learnt: [] });
    }
    const proven = fold(given, reported('sent', 12));
    const late = { ...listed('read'), matchedBy: 'sid', attempt: undefined } as const;
    expect(step(proven, late)).toEqual({ state: proven, applied: false, learnt: [] });
  });

  it('is given up with all that was reported of it', () => {
    const { state, learnt, releasedSid, event } = step(guessed, {
      kind: 'disproved',
      at: 11,
      sid: OTHER_SID,
    });
    expect(state).toEqual({
      ...lost,
      fence: guessed.fence + 1,
      dueAt: 11 + 15_000,
      explanation: expect.stringContaining(OTHER_SID),
    });
    expect(learnt).toEqual(['corrected']);
    expect(releasedSid).toBe(OTHER_SID);
    expect(event).toMatchObject({ type: 'corrected', sid: OTHER_SID });
  });

  it('is given up by nothing but proof about this SID', () => {
    const proven = fold(sending, accepted(1));
    expect(step(proven, { kind: 'disproved', at: 11, sid: SID }).applied).toBe(false);
    expect(step(guessed, { kind: 'disproved', at: 11, sid: SID }).applied).toBe(false);
    expect(disproofBy(proven, reported('sent', 4, OTHER_SID))).toBeUndefined();
    expect(disproofBy(guessed, { ...reported('read'), matchedBy: 'sid' })).toBeUndefined();
    expect(disproofBy(guessed, { ...reported('read'), isSidTaken: true })).toBeUndefined();
    expect(disproofBy(guessed, ambiguous(1))).toBeUndefined();
  });

  it.each([
    ['Twilio’s answer', accepted(1, 1, 12)],
    ['a callback on the URL of its attempt', reported('sent', 12)],
  ])('yields to the SID of %s', (_case, proof) => {
    for (const state of [guessed, resolved]) {
      const taken = foldAll(state, proof);
      expect(taken.state).toMatchObject({ status: 'sent', sid: SID, deliveredAt: null });
      expect(taken.learnt).toEqual(['sent']);
      expect(taken.attempt).toMatchObject({ outcome: 'accepted', sid: SID });
    }
  });

  it.each([
    ['refused it', rejected(1, 12), { status: 'discarded', reason: 'phone_invalid' }],
    ['did not get it', notSent(1, 20, 12), { status: 'queued', dueAt: 20 }],
  ])('yields to the answer that Twilio %s', (_case, answer, expected) => {
    expect(foldAll(guessed, answer).state).toMatchObject({ ...expected, sid: null, sentAt: null });
    // Another attempt's answer says nothing about this one.
    expect(foldAll(guessed, { ...answer, attempt: 2 } as Evidence).state).toBe(guessed);
  });

  it('does not yield to a start that was withdrawn', () => {
    const withdrawn = { ...notSent(1, 20, 12), isUnconfirmed: true } as Evidence;
    expect(foldAll(guessed, withdrawn).state).toBe(guessed);
  });

  it('becomes certain by proof of the same SID', () => {
    const sure = step(guessed, reported('sent', 12, OTHER_SID));
    expect(sure.state).toEqual({ ...guessed, sidSource: 'callback' });
    expect(sure.attempt).toMatchObject({ sid: OTHER_SID, sidSource: 'callback' });
    expect(disproofBy(sure.state, accepted(1, 1, 13))).toBeUndefined();
    const bySid = step(guessed, { ...reported('read', 12, OTHER_SID), matchedBy: 'sid' });
    expect(bySid.state).toMatchObject({ status: 'seen', sidSource: 'poll' });
    expect(bySid.attempt).toBeUndefined();
  });

  it('justifies no other attempt', () => {
    const limit = { ...listed('failed'), jitter: 0 };
    expect(fold(lost, limit)).toMatchObject({ status: 'discarded', failedAttempts: 0 });
    expect(fold(guessed, { ...limit, matchedBy: 'sid' }).status).toBe('delivered');
    expect(fold(lost, { ...limit, source: 'callback', matchedBy: 'url' }).status).toBe('queued');
  });
});

describe('proof about an attempt that has failed', () => {
  it('stores the SID with the attempt, and changes no status', () => {
    const failed = fold(sending, { ...reported('failed', 5, SID, 63018), jitter: 0 });
    const late = step(failed, reported('sent', 6, OTHER_SID));
    expect(late).toMatchObject({ applied: false, state: failed });
    expect(late.attempt).toMatchObject({ no: 1, sid: OTHER_SID, sidSource: 'callback' });
  });
});

describe('a list that shows an attempt which has failed meanwhile', () => {
  it('does not bring the attempt back', () => {
    const again = fold(sending, { ...reported('failed', 5, SID, 63018), jitter: 0 });
    expect(again).toMatchObject({ status: 'queued', failedAttempts: 1 });
    const late = { ...reported('delivered', 6), source: 'poll', matchedBy: 'list' } as const;
    expect(step(again, late)).toEqual({ state: again, applied: false, learnt: [] });
  });
});

describe('a list that does not decide', () => {
  const lost = fold(sending, ambiguous(1));
  const shown = { kind: 'undecided', at: 5, attempt: 1, sids: [OTHER_SID] } as const;

  it('tells an operator what may be the message, once', () => {
    const after = step(lost, shown);
    expect(after.state.explanation).toContain(OTHER_SID);
    expect(after.state).toEqual({ ...lost, explanation: after.state.explanation });
    expect(step(after.state, shown).applied).toBe(false);
    expect(step(lost, { ...shown, sids: [] }).applied).toBe(false);
    expect(step(lost, { ...shown, attempt: 2 }).applied).toBe(false);
    expect(step(sending, shown).applied).toBe(false);
  });
});
