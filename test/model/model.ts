import { CHECKS_TO_VERIFY } from '../../src/delivery/check-schedule.js';
import type { Evidence, Report } from '../../src/delivery/evidence.js';
import { initialState, type MessageState, type Step } from '../../src/delivery/message-state.js';
import { step } from '../../src/delivery/message-step.js';
import type { AmbiguousPolicy } from '../../src/twilio-whatsapp.options.js';
import { eventTypeOf } from '../../src/twilio/statuses.js';
import { explore, type CheckResult, type Move as ModelMove } from './explore.js';

/** Decides about a message: the production reducer, or a broken variant of it. */
export type Reducer = (state: MessageState, evidence: Evidence) => Step;

/** What a worker is doing with the message. `isFenced` tells whether it still holds the message. */
type Worker =
  | { readonly phase: 'idle' }
  | {
      readonly phase: 'started';
      readonly fence: number;
      readonly attempt: number;
      readonly isLapsed: boolean;
    }
  | { readonly phase: 'answered'; readonly evidence: Evidence & { fence: number } };

/** The whole world: one message, two workers, and what Twilio has accepted. */
interface World {
  readonly message: MessageState;
  readonly workers: readonly Worker[];
  /** The attempts that Twilio has accepted: each is a message of its own there. */
  readonly sends: readonly number[];
  /** Whether Twilio has ever said that the message failed. */
  readonly hasFailed: boolean;
  /** Sends that Twilio had accepted and could not pass on, because a limit was exceeded. */
  readonly limited: readonly number[];
  /** Sends of which Twilio has said that they arrived. */
  readonly arrived: readonly number[];
}

type Move = ModelMove<World>;

/** What a run allows beyond the default. */
export interface CheckOptions {
  readonly reducer?: Reducer;
  /** Lets an operator send a message again whose fate is unknown. */
  readonly operatorResends?: boolean;
  /** What becomes of a message that Twilio may have. @default 'hold' */
  readonly policy?: AmbiguousPolicy;
  /** Looks for a way to break this promise only. */
  readonly promise?: string;
}

// Time stands still but for leases, which end whenever that does the most harm.
const NOW = 1;
const LEASE_END = 2;
const AFTER_LEASE = 3;
const MAX_ATTEMPTS = 2;
const REPORTS = ['sent', 'delivered', 'read', 'failed'];
const RANK: Partial<Record<MessageState['status'], number>> = {
  sent: 1,
  discarded: 2,
  delivered: 3,
  seen: 4,
};

const sidOf = (send: number): string => `SM${String(send).repeat(32)}`;

/**
 * Walks breadth-first through every state that one message can get into with two workers that crash and pause
 * anywhere, answers that are lost, and callbacks that come late, never, often and in any order.
 */
export function check(options: CheckOptions = {}): CheckResult {
  const first: World = {
    message: initialState(0, Infinity),
    workers: [{ phase: 'idle' }, { phase: 'idle' }],
    sends: [],
    hasFailed: false,
    limited: [],
    arrived: [],
  };
  return explore<World>({
    first,
    movesOf: (world) =>
      movesOf(world, options).map(({ name, next }) => ({ name, next: normalised(next) })),
    brokenPromise: (before, after) => {
      const promise = brokenPromise(before, after);
      return promise === (options.promise ?? promise) ? promise : undefined;
    },
  });
}

function movesOf(
  world: World,
  { reducer: reduce = step, operatorResends = false, policy = 'hold' }: CheckOptions,
): Move[] {
  const { message } = world;
  const moves: Move[] = [];
  const record = (
    name: string,
    evidence: Evidence,
    change: (taken: Step) => Partial<World> = () => ({}),
  ) => {
    const taken = reduce(message, evidence);
    moves.push({ name, next: { ...world, message: taken.state, ...change(taken) } });
  };
  const withWorker = (index: number, worker: Worker): Partial<World> => ({
    workers: world.workers.with(index, worker),
  });

  world.workers.forEach((worker, index) => {
    const name = `worker ${index + 1}`;
    if (worker.phase !== 'idle') {
      moves.push({
        name: `${name} crashes`,
        next: { ...world, ...withWorker(index, { phase: 'idle' }) },
      });
    }
    switch (worker.phase) {
      case 'idle':
        record(`${name} starts`, startOf(world), ({ applied, state }) =>
          applied
            ? withWorker(index, {
                phase: 'started',
                fence: state.fence,
                attempt: state.attempts,
                isLapsed: false,
              })
            : {},
        );
        moves.push(...rolledBack(name, index, world, reduce));
        break;
      case 'started':
        for (const [answer, evidence, isAccepted] of answersTo(
          worker,
          world.sends.length,
          policy,
        )) {
          // A worker that stood still until its lease was over must not POST any more.
          if (worker.isLapsed && answer !== 'stood still') continue;
          moves.push({
            name: `${name} posts: ${answer}`,
            next: {
              ...world,
              sends: isAccepted ? [...world.sends, worker.attempt] : world.sends,
              ...withWorker(index, { phase: 'answered', evidence }),
            },
          });
        }
        break;
      case 'answered':
        record(`${name} records ${worker.evidence.kind}`, worker.evidence, () =>
          withWorker(index, { phase: 'idle' }),
        );
    }
  });

  const resendAt = policy === 'resend' && message.attempts < MAX_ATTEMPTS ? NOW : undefined;
  record('the lease ends', { kind: 'lapsed', at: AFTER_LEASE, resendAt }, () => ({
    workers: world.workers.map((worker) =>
      worker.phase === 'started' ? { ...worker, isLapsed: true } : worker,
    ),
  }));
  record('somebody cancels', { kind: 'canceled', at: NOW });
  record('an operator discards', { kind: 'resolved', at: NOW, status: 'discarded' });
  if (operatorResends)
    record('an operator resends', { kind: 'resolved', at: NOW, status: 'queued' });
  if (policy === 'resend-after-verify' && message.attempts < MAX_ATTEMPTS) {
    // Twilio's list lags: what it has may be missing in it.
    const verified = { ...message, checks: CHECKS_TO_VERIFY, notFoundCount: CHECKS_TO_VERIFY - 1 };
    const evidence = {
      kind: 'missing',
      at: NOW,
      attempt: message.attempts,
      resendAt: NOW,
    } as const;
    const taken = reduce(verified, evidence);
    if (taken.applied) {
      moves.push({
        name: 'four looks at the list find nothing',
        next: { ...world, message: taken.state },
      });
    }
  }
  for (const [index, attempt] of world.sends.entries()) {
    const send = index + 1;
    const isLimited = world.limited.includes(send);
    const report = (status: string) => ({ ...reportOf(status, sidOf(send)), attempt });
    for (const status of REPORTS) {
      const hasArrived = status === 'delivered' || status === 'read';
      if (isLimited && status !== 'sent') continue;
      record(`Twilio reports ${status} of send ${send}`, report(status), () => ({
        hasFailed: world.hasFailed || status === 'failed',
        arrived: hasArrived ? added(world.arrived, send) : world.arrived,
      }));
    }
    // What has failed for another reason, or arrived, has exceeded no limit.
    const mayBeLimited =
      !world.hasFailed && !world.arrived.includes(send) && message.attempts < MAX_ATTEMPTS;
    if (!isLimited && !mayBeLimited) continue;
    record(
      `Twilio reports a limit exceeded for send ${send}`,
      { ...report('failed'), jitter: 0 },
      () => ({ limited: added(world.limited, send) }),
    );
  }
  return moves;
}

const FENCES = [10, 20, 30];

/** A start with a fence that nobody else has drawn. */
function startOf({ workers }: World): Evidence {
  const drawn = workers.map((worker) => fenceOf(worker));
  const fence = FENCES.find((each) => !drawn.includes(each))!;
  return { kind: 'started', at: NOW, fence, leaseUntil: LEASE_END };
}

/** A start whose commit fails without the worker's knowledge: it takes back what never came about. */
function rolledBack(name: string, index: number, world: World, reduce: Reducer): Move[] {
  const { applied, state } = reduce(world.message, startOf(world));
  if (!applied) return [];
  const evidence = withdrawal({ fence: state.fence, attempt: state.attempts });
  const workers = world.workers.with(index, { phase: 'answered', evidence });
  return [{ name: `${name} starts, and the commit fails`, next: { ...world, workers } }];
}

/** Nothing was sent, and nobody knows whether the start is committed. */
const withdrawal = (start: { fence: number; attempt: number }): Evidence & { fence: number } => ({
  ...start,
  kind: 'notSent',
  isUnconfirmed: true,
  at: NOW,
  retryAt: 0,
  reason: 'unconfirmed',
  explanation: 'Nobody knows.',
});

const fenceOf = (worker: Worker): number | undefined => {
  if (worker.phase === 'idle') return undefined;
  return worker.phase === 'answered' ? worker.evidence.fence : worker.fence;
};

type Answered = [name: string, evidence: Evidence & { fence: number }, isAccepted: boolean];

/** What can come of a POST: the answer that the worker gets, and whether Twilio has accepted the message. */
function answersTo(
  { fence, attempt }: { fence: number; attempt: number },
  sends: number,
  policy: AmbiguousPolicy,
): Answered[] {
  const common = { at: NOW, fence, attempt };
  const refused = { reason: 'refused', explanation: 'No.' };
  const retryAt = attempt < MAX_ATTEMPTS ? 0 : null;
  const resendAt = policy === 'resend' && attempt < MAX_ATTEMPTS ? 0 : undefined;
  const sid = sidOf(sends + 1);
  return [
    ['accepted', { ...common, kind: 'accepted', sid, providerStatus: 'queued' }, true],
    ['accepted, answer lost', { ...common, kind: 'ambiguous', resendAt }, true],
    ['lost before Twilio', { ...common, kind: 'ambiguous', resendAt }, false],
    ['too many requests', { ...common, ...refused, kind: 'notSent', retryAt }, false],
    ['refused', { ...common, ...refused, kind: 'rejected' }, false],
    ['stood still', { ...common, ...refused, kind: 'notSent', retryAt }, false],
    ...(attempt < MAX_ATTEMPTS
      ? [['withdrawn', withdrawal({ fence, attempt }), false] as Answered]
      : []),
  ];
}

function reportOf(providerStatus: string, sid: string): Report & { at: number } {
  const type = eventTypeOf(providerStatus);
  const discard =
    type === 'discarded' ? { reason: 'failed', explanation: 'It failed.' } : undefined;
  return {
    kind: 'reported',
    at: NOW,
    source: 'callback',
    matchedBy: 'url',
    sid,
    providerStatus,
    type,
    discard,
  };
}

function brokenPromise(
  before: World,
  { message, sends, limited, hasFailed }: World,
): string | undefined {
  const { status, sid } = message;
  const live = sends.length - limited.length;
  if (live > 1) return 'never sent twice';
  if (['sent', 'delivered', 'seen'].includes(status) && live === 0) {
    return 'what is sent was accepted by Twilio';
  }
  const wasOursToDiscard = ['refused', 'canceled'].includes(message.reason ?? '');
  if (status === 'discarded' && live > 0 && !hasFailed && wasOursToDiscard) {
    return 'what we discard was not sent';
  }
  // An attempt that failed because a limit was exceeded is followed by another.
  if (limited.length > before.limited.length) return undefined;
  const rank = RANK[status] ?? 0;
  if (before.message.sid !== null && rank < (RANK[before.message.status] ?? 0)) {
    return 'a status never goes down';
  }
  if (before.message.sid !== null && sid !== before.message.sid)
    return 'a SID is never overwritten';
  if (status === 'queued' && message.dueAt === null) return 'what is queued will be sent';
  return undefined;
}

/** Only whether a worker's fence is the current one, or the last before, matters: the rest is folded. */
function normalised({ message, workers, ...world }: World): World {
  const fold = (fence: number) => Math.max(fence - message.fence, -2);
  return {
    ...world,
    message: {
      ...message,
      fence: 0,
      dueAt: message.dueAt === null ? null : folded(message),
    },
    workers: workers.map((worker) => {
      if (worker.phase === 'idle') return worker;
      if (worker.phase !== 'answered') return { ...worker, fence: fold(worker.fence) };
      return { ...worker, evidence: { ...worker.evidence, fence: fold(worker.evidence.fence) } };
    }),
  };
}

/** What is queued is due, and every lease can end: all other times make no difference. */
const folded = ({ status }: MessageState): number => (status === 'queued' ? 0 : LEASE_END);

const added = (sends: readonly number[], send: number): readonly number[] =>
  sends.includes(send) ? sends : [...sends, send].toSorted((a, b) => a - b);
