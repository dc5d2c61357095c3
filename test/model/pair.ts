import { CHECKS_TO_VERIFY } from '../../src/delivery/check-schedule.js';
import type { Evidence, Report } from '../../src/delivery/evidence.js';
import { judge, type KnownSid, type OpenAttempt } from '../../src/delivery/list-match.js';
import { initialState, type MessageState, type Step } from '../../src/delivery/message-state.js';
import { disproofBy } from '../../src/delivery/disproof.js';
import { step } from '../../src/delivery/message-step.js';
import { holderBy, contest, type SidHolder } from '../../src/delivery/sid-holder.js';
import { isProof } from '../../src/events/delivery-event.js';
import { eventTypeOf } from '../../src/twilio/statuses.js';
import { explore, type CheckResult, type Move } from './explore.js';

/** The rules that decide whose a SID is: those of production, or a broken variant of one of them. */
export interface SidRules {
  readonly step: (state: MessageState, evidence: Evidence) => Step;
  readonly disproofBy: typeof disproofBy;
  readonly contest: typeof contest;
  readonly judge: typeof judge;
  /** Whether a lookup reads what is known after it has read the list, as it must. */
  readonly readsListFirst: boolean;
  /** Whether a lookup counts attempts of messages that somebody has settled, as it must. */
  readonly countsSettled: boolean;
}

/** What can happen beyond the usual. */
export interface PairOptions {
  readonly rules?: Partial<SidRules>;
  /** Whether another program sends the same text between the same two addresses. */
  readonly hasForeign?: boolean;
  /** What the module is configured to believe about that. @default the truth */
  readonly isExclusive?: boolean;
  /** Lets an operator give a message any SID there is. */
  readonly operatorGuesses?: boolean;
  /** Lets an operator say, truthfully and without a SID, what became of a message. */
  readonly operatorKnows?: boolean;
  /** Sends again what the list does not have. */
  readonly resends?: boolean;
  /** Whether Twilio may fail to pass one entry on because a limit is exceeded, which calls for another attempt. */
  readonly hasLimits?: boolean;
}

/** What a worker is doing with an attempt of a message. */
type Worker =
  | { readonly phase: 'idle' }
  | { readonly phase: 'posting'; readonly attempt: number; readonly fence: number }
  | { readonly phase: 'answered'; readonly evidence: Evidence };

interface Message {
  readonly state: MessageState;
  readonly worker: Worker;
  /** What its attempts have for a SID, by number. */
  readonly sids: readonly (Pick<SidHolder, 'sid' | 'source'> | null)[];
  /** What proof has said that their SIDs are. */
  readonly proven: readonly (string | null)[];
  /** The last attempt of which it is recorded that Twilio has refused it. */
  readonly refused: number;
}

/** Who made an entry of Twilio's list: an attempt of a message, or another program. */
interface Entry {
  readonly maker: number | 'foreign';
  readonly attempt: number;
  readonly isLimited: boolean;
}

/** A lookup in Twilio's list on its way. */
interface Lookup {
  readonly message: number;
  readonly attempt: number;
  /** How many entries the list had. */
  readonly entries: number;
  readonly known: readonly KnownSid[];
  readonly open: readonly OpenAttempt[];
  readonly evidence?: Evidence;
}

/** Two messages with one text between two addresses, and the entries that Twilio has of that text. */
interface Pair {
  readonly messages: readonly Message[];
  readonly entries: readonly Entry[];
  readonly lookup?: Lookup;
}

const AT = 1;
const LEASE_END = 2;
const AFTER_LEASE = 3;
const TEXT = 'Hello';
const MAX_ATTEMPTS = 2;
const sidOf = (index: number): string => `SM${index + 1}`;

/** Walks through every state that two messages get into which nothing but their SIDs tells apart. */
export function checkPair(options: PairOptions = {}): CheckResult {
  const rules: SidRules = {
    step,
    disproofBy,
    contest,
    judge,
    readsListFirst: true,
    countsSettled: true,
    ...options.rules,
  };
  const message: Message = {
    state: initialState(0, Infinity),
    worker: { phase: 'idle' },
    sids: [],
    proven: [],
    refused: 0,
  };
  return explore<Pair>({
    first: { messages: [message, message], entries: [] },
    movesOf: (pair) =>
      movesOf(pair, rules, options).map(({ name, next }) => ({
        name,
        next: ordered(normalised(next)),
      })),
    brokenPromise: (_before, after) => brokenPromise(after, options),
  });
}

function movesOf(pair: Pair, rules: SidRules, options: PairOptions): Move<Pair>[] {
  return [
    ...pair.messages.flatMap((message, index) => workerMoves(pair, index, message, rules)),
    ...lookupMoves(pair, rules, options),
    ...pair.entries.flatMap((entry, index) => reportMoves(pair, index, entry, rules, options)),
    ...(options.operatorGuesses ? operatorMoves(pair, rules) : []),
    ...(options.operatorKnows ? truthfulMoves(pair, rules) : []),
    ...(options.hasForeign && !pair.entries.some(({ maker }) => maker === 'foreign')
      ? [{ name: 'another program sends', next: withEntry(pair, 'foreign', 1) }]
      : []),
  ];
}

function workerMoves(pair: Pair, index: number, { state, worker }: Message, rules: SidRules) {
  const name = `message ${index + 1}`;
  const moves: Move<Pair>[] = [];
  const withWorker = (next: Worker, from = pair) => change(from, index, { worker: next });
  if (worker.phase === 'idle' && state.status === 'queued') {
    const fence = state.fence + 10;
    const evidence = { kind: 'started', at: AT, fence, leaseUntil: LEASE_END } as const;
    const started = record(pair, index, evidence, rules);
    const { attempts: attempt } = started.messages[index].state;
    const posting: Worker = { phase: 'posting', attempt, fence };
    moves.push({ name: `${name} is started`, next: withWorker(posting, started) });
  }
  if (worker.phase === 'posting') {
    const common = { at: AT, attempt: worker.attempt, fence: worker.fence };
    const made = withEntry(pair, index, worker.attempt);
    const sid = sidOf(pair.entries.length);
    const refused = { ...common, kind: 'rejected', reason: 'refused', explanation: 'No.' } as const;
    const accepted = { ...common, kind: 'accepted', sid, providerStatus: 'queued' } as const;
    const lost = { ...common, kind: 'ambiguous' } as const;
    for (const [answer, from, evidence] of [
      ['is accepted', made, accepted],
      ['is accepted, the answer is lost', made, lost],
      ['is lost', pair, lost],
      ['is refused', pair, refused],
    ] as const) {
      const next = withWorker({ phase: 'answered', evidence }, from);
      moves.push({ name: `${name} ${answer}`, next });
    }
  }
  if (worker.phase === 'answered') {
    const next = withWorker({ phase: 'idle' }, record(pair, index, worker.evidence, rules));
    moves.push({ name: `the answer to ${name} is recorded`, next });
  }
  // A worker that stands still may still have its answer; one that has not POSTed yet must not any more.
  if (state.status === 'sending') {
    const lapsed = record(pair, index, { kind: 'lapsed', at: AFTER_LEASE }, rules);
    const next =
      worker.phase === 'posting' ? change(lapsed, index, { worker: { phase: 'idle' } }) : lapsed;
    moves.push({ name: `the lease of ${name} ends`, next });
  }
  return moves;
}

function lookupMoves(pair: Pair, rules: SidRules, options: PairOptions): Move<Pair>[] {
  const { lookup, ...rest } = pair;
  if (!lookup) {
    return pair.messages.flatMap(({ state }, message) =>
      state.status !== 'unknown'
        ? []
        : [
            {
              name: `Twilio's list is read for message ${message + 1}`,
              next: {
                ...pair,
                lookup: {
                  message,
                  attempt: state.attempts,
                  entries: pair.entries.length,
                  ...(rules.readsListFirst ? { known: [], open: [] } : contextOf(pair, rules)),
                },
              },
            },
          ],
    );
  }
  if (!lookup.evidence) {
    const evidence = judged(pair, lookup, rules, options);
    return [
      {
        name: `the list is judged: ${evidence?.kind ?? 'nothing'}`,
        next: evidence ? { ...pair, lookup: { ...lookup, evidence } } : rest,
      },
    ];
  }
  const verified = lookup.evidence.kind === 'missing' ? verifiedState(rest, lookup.message) : rest;
  return [
    {
      name: `the lookup of message ${lookup.message + 1} is recorded`,
      next: record(verified, lookup.message, lookup.evidence, rules),
    },
  ];
}

/** The last of the lookups that must find nothing; those before it make no difference. */
const verifiedState = (pair: Pair, index: number): Pair =>
  change(pair, index, {
    state: {
      ...pair.messages[index].state,
      checks: CHECKS_TO_VERIFY,
      notFoundCount: CHECKS_TO_VERIFY - 1,
    },
  });

function judged(
  pair: Pair,
  lookup: Lookup,
  rules: SidRules,
  { hasForeign = false, isExclusive = !hasForeign, resends }: PairOptions,
): Evidence | undefined {
  const entries = rules.readsListFirst ? lookup.entries : pair.entries.length;
  const messages = pair.entries.slice(0, entries).map((_entry, index) => ({
    sid: sidOf(index),
    status: 'sent',
    direction: 'outbound-api',
    body: TEXT,
    createdAt: index,
  }));
  const { known, open } = rules.readsListFirst ? contextOf(pair, rules) : lookup;
  const result = rules.judge(
    { messages: messages.toReversed(), isReadable: true, isLastPage: true },
    { startedAt: 0, requestTimeoutMs: 100, text: TEXT },
    { known, open, isExclusive },
  );
  const { attempt } = lookup;
  if (result.kind === 'found') {
    return { ...report('sent', result.message.sid), source: 'poll', matchedBy: 'list', attempt };
  }
  return result.kind === 'missing' && resends && attempt < MAX_ATTEMPTS
    ? { kind: 'missing', at: AT, attempt, resendAt: 0 }
    : undefined;
}

const isOpen = (status: MessageState['status']): boolean =>
  status === 'unknown' || status === 'sending';

/** What the database knows when a list is judged. */
const contextOf = (
  { messages }: Pair,
  { countsSettled }: SidRules,
): Pick<Lookup, 'known' | 'open'> => ({
  known: messages.flatMap(({ sids }) => sids.filter((each) => each !== null)),
  open: messages.flatMap(({ state: { status, attempts }, sids, refused }) =>
    Array.from({ length: attempts }, (_none, index) => index).flatMap((index) =>
      sids[index] || refused === index + 1 || (!countsSettled && !isOpen(status))
        ? []
        : [{ isSending: status === 'sending' && index === attempts - 1, text: TEXT }],
    ),
  ),
});

function reportMoves(
  pair: Pair,
  index: number,
  { maker, attempt, isLimited }: Entry,
  rules: SidRules,
  { hasLimits = false }: PairOptions,
): Move<Pair>[] {
  const sid = sidOf(index);
  const moves: Move<Pair>[] = [];
  const limit = { ...report('failed', sid), jitter: 0 };
  // One attempt more is enough to send twice.
  const mayBeLimited = hasLimits && !pair.entries.some((entry) => entry.isLimited);
  const limited = {
    ...pair,
    entries: pair.entries.with(index, { maker, attempt, isLimited: true }),
  };
  if (maker !== 'foreign') {
    const own = { matchedBy: 'url', attempt } as const;
    const delivered = record(pair, maker, { ...report('delivered', sid), ...own }, rules);
    if (!isLimited) moves.push({ name: `${sid} is delivered`, next: delivered });
    if (mayBeLimited)
      moves.push({
        name: `${sid} exceeds a limit`,
        next: record(limited, maker, { ...limit, ...own }, rules),
      });
  }
  for (const [message, { sids }] of pair.messages.entries()) {
    const no = sids.findIndex((each) => each?.sid === sid) + 1;
    if (no === 0) continue;
    const bySid = { matchedBy: 'sid', attempt: no } as const;
    const delivered = record(pair, message, { ...report('delivered', sid), ...bySid }, rules);
    if (!isLimited) moves.push({ name: `${sid} is found delivered`, next: delivered });
    const next = record(limited, message, { ...limit, ...bySid }, rules);
    if (mayBeLimited) moves.push({ name: `${sid} is found over a limit`, next });
  }
  return moves;
}

const operatorMoves = (pair: Pair, rules: SidRules): Move<Pair>[] =>
  pair.messages.flatMap(({ state }, message) =>
    state.status !== 'unknown'
      ? []
      : pair.entries.map((_entry, index) => ({
          name: `an operator gives ${sidOf(index)} to message ${message + 1}`,
          next: record(
            pair,
            message,
            { kind: 'resolved', at: AT, status: 'sent', sid: sidOf(index) },
            rules,
          ),
        })),
  );

const truthfulMoves = (pair: Pair, rules: SidRules): Move<Pair>[] =>
  pair.messages.flatMap(({ state }, message) => {
    if (state.status !== 'unknown') return [];
    const isSent = pair.entries.some(({ maker }) => maker === message);
    const status = isSent ? 'sent' : 'discarded';
    const evidence = { kind: 'resolved', at: AT, status } as const;
    const name = `an operator finds message ${message + 1} ${status}`;
    return [{ name, next: record(pair, message, evidence, rules) }];
  });

function report(providerStatus: string, sid: string): Omit<Report, 'matchedBy'> & { at: number } {
  const type = eventTypeOf(providerStatus);
  const discard =
    type === 'discarded' ? { reason: 'failed', explanation: 'It failed.' } : undefined;
  return { kind: 'reported', at: AT, source: 'callback', sid, providerStatus, type, discard };
}

/** Folds evidence as production does: a SID that another attempt has is contested first. */
function record(pair: Pair, index: number, evidence: Evidence, rules: SidRules): Pair {
  const claim = holderBy(String(index), evidence, pair.messages[index].state);
  const owner = claim && ownerOf(pair, claim.sid);
  const verdict = claim ? rules.contest(claim, owner) : 'free';
  if (verdict === 'taken') {
    return claim && isProof(claim.source) ? fold(pair, index, withoutSid(evidence), rules) : pair;
  }
  let next = pair;
  if (verdict === 'takenBack') {
    const { messageId, attempt, sid } = owner!;
    const former = Number(messageId);
    if (former !== index) next = fold(next, former, { kind: 'disproved', at: AT, sid }, rules);
    next = withSid(next, former, attempt, null);
  }
  next = fold(next, index, evidence, rules);
  if (evidence.kind === 'rejected') next = change(next, index, { refused: evidence.attempt });
  if (!claim || !isProof(claim.source)) return next;
  const proven = withItem(pair.messages[index].proven, claim.attempt, claim.sid);
  return change(next, index, { proven });
}

/** What is left of proof whose SID is another's. */
const withoutSid = (evidence: Evidence): Evidence =>
  evidence.kind === 'accepted'
    ? { kind: 'ambiguous', at: AT, fence: evidence.fence, attempt: evidence.attempt }
    : ({ ...evidence, isSidTaken: true } as Evidence);

function fold(pair: Pair, index: number, evidence: Evidence, rules: SidRules): Pair {
  const disproof = rules.disproofBy(pair.messages[index].state, evidence);
  let next = pair;
  for (const each of disproof ? [disproof, evidence] : [evidence]) {
    const { state, attempt, releasedSid } = rules.step(next.messages[index].state, each);
    next = change(next, index, { state });
    if (releasedSid !== undefined) {
      const sids = next.messages[index].sids.map((has) => (has?.sid === releasedSid ? null : has));
      next = change(next, index, { sids });
    }
    if (attempt?.sid) {
      const { no, sid, sidSource: source = null } = attempt;
      next = withSid(next, index, no, { sid, source });
    }
  }
  return next;
}

function ownerOf({ messages }: Pair, sid: string): SidHolder | undefined {
  for (const [message, { sids }] of messages.entries()) {
    for (const [index, has] of sids.entries()) {
      if (has?.sid === sid) return { ...has, messageId: String(message), attempt: index + 1 };
    }
  }
  return undefined;
}

const withSid = (pair: Pair, index: number, no: number, has: Message['sids'][number]): Pair =>
  change(pair, index, { sids: withItem(pair.messages[index].sids, no, has) });

/** The list with the item of an attempt. */
const withItem = <T>(items: readonly (T | null)[], no: number, item: T | null): (T | null)[] =>
  Array.from({ length: Math.max(no, items.length) }, (_none, index) =>
    index === no - 1 ? item : (items[index] ?? null),
  );

const change = (pair: Pair, index: number, to: Partial<Message>): Pair => ({
  ...pair,
  messages: pair.messages.with(index, { ...pair.messages[index], ...to }),
});

const withEntry = (pair: Pair, maker: Entry['maker'], attempt: number): Pair => ({
  ...pair,
  entries: [...pair.entries, { maker, attempt, isLimited: false }],
});

function brokenPromise(
  pair: Pair,
  { hasForeign = false, isExclusive = !hasForeign, operatorGuesses = false }: PairOptions,
): string | undefined {
  const { messages, entries } = pair;
  const owned = messages.flatMap(({ sids }) => sids.flatMap((has) => (has ? [has.sid] : [])));
  if (new Set(owned).size < owned.length) return 'a SID has one owner';
  for (const [index, { state, proven, sids, refused }] of messages.entries()) {
    const own = entries.filter(({ maker }) => maker === index);
    if (own.filter(({ isLimited }) => !isLimited).length > 1) return 'never sent twice';
    const { status, sid, sidSource } = state;
    const isSent = ['sent', 'delivered', 'seen'].includes(status);
    // What an operator says is wrong when it is, and so is what a wrong configuration lets a list say.
    const mayBeWrong = operatorGuesses || isExclusive !== !hasForeign;
    if (isSent && own.length === 0 && (!mayBeWrong || isProof(sidSource))) {
      return 'what is sent was accepted by Twilio';
    }
    if (sid !== null && isProof(sidSource) && entries[Number(sid.slice(2)) - 1].maker !== index) {
      return 'a proven SID is the message’s own';
    }
    for (const [at, proof] of proven.entries()) {
      const has = sids[at];
      if (proof !== null && !(has?.sid === proof && isProof(has.source))) {
        return 'a proven SID is stored with its attempt';
      }
    }
    if (sid !== null && !sids.some((has) => has?.sid === sid)) {
      return 'a message has the SID of one of its attempts';
    }
    if (refused > 0 && refused === state.attempts && isSent && own.length === 0)
      return 'no guess outranks an answer';
  }
  return undefined;
}

/** Times and fences make no difference but for what is due, and for whether a worker holds its message. */
const normalised = (pair: Pair): Pair => ({
  ...pair,
  messages: pair.messages.map((message) => {
    const { state, worker } = message;
    const relative = (fence: number) => Math.max(Math.min(fence - state.fence, 2), -4);
    const folded: MessageState = {
      ...state,
      fence: 0,
      checks: 0,
      notFoundCount: 0,
      dueAt: state.dueAt === null ? null : state.status === 'queued' ? 0 : LEASE_END,
      explanation: null,
    };
    if (worker.phase === 'idle') return { ...message, state: folded };
    if (worker.phase === 'posting') {
      return { ...message, state: folded, worker: { ...worker, fence: relative(worker.fence) } };
    }
    const evidence = { ...worker.evidence } as Evidence & { fence: number };
    return {
      ...message,
      state: folded,
      worker: { ...worker, evidence: { ...evidence, fence: relative(evidence.fence) } },
    };
  }),
});

/** The two messages in one order: which is the first makes no difference. */
function ordered(pair: Pair): Pair {
  const swapped: Pair = {
    messages: pair.messages.toReversed(),
    entries: pair.entries.map((entry) => ({
      ...entry,
      maker: entry.maker === 'foreign' ? entry.maker : 1 - entry.maker,
    })),
    ...(pair.lookup && { lookup: { ...pair.lookup, message: 1 - pair.lookup.message } }),
  };
  return JSON.stringify(swapped) < JSON.stringify(pair) ? swapped : pair;
}
