import type { DeliveryEventType, EvidenceSource } from '../events/delivery-event.js';
import { CHECKS_TO_VERIFY, nextCheck } from './check-schedule.js';
import type { Answer, Discard, Evidence, Report, Resend } from './evidence.js';
import { MAX_ATTEMPTS, retryDelay } from './retry.js';

/** `unknown` means that Twilio may have the message, and nothing has proved so yet. */
export type MessageStatus =
  'queued' | 'sending' | 'unknown' | 'sent' | 'delivered' | 'seen' | 'discarded';

export type AttemptOutcome = 'accepted' | 'notSent' | 'rejected' | 'ambiguous';

/** All of a message that decisions are made from and that they change. Instants are in milliseconds. */
export interface MessageState {
  readonly status: MessageStatus;
  /** Names the start that may speak for the message; one more when its time is over. */
  readonly fence: number;
  readonly attempts: number;
  /** Attempts up to this one have failed for certain, after Twilio had accepted them. */
  readonly failedAttempts: number;
  readonly dueAt: number | null;
  /** From when on it is not sent any more. */
  readonly expiresAt: number;
  /** How often Twilio was asked about it in its present status. */
  readonly checks: number;
  readonly sid: string | null;
  readonly reason: string | null;
  readonly explanation: string | null;
  readonly errorCode: number | null;
  readonly sentAt: number | null;
  readonly deliveredAt: number | null;
  readonly seenAt: number | null;
  readonly discardedAt: number | null;
}

/** What a step writes to the log of attempts. */
export interface AttemptChange {
  readonly no: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly outcome?: AttemptOutcome;
  readonly httpStatus?: number;
  readonly errorCode?: number;
  readonly sid?: string;
  readonly detail?: string;
}

/** What a step appends to the log of delivery events. */
export interface LoggedEvent {
  readonly type?: DeliveryEventType;
  readonly providerStatus: string;
  readonly sid: string;
  readonly errorCode: number;
  readonly explanation?: string;
  readonly source: EvidenceSource;
  readonly occurredAt: number;
  /** The report as it came in, redacted, in JSON. */
  readonly raw?: string;
}

export interface Step {
  readonly state: MessageState;
  /** Whether the evidence counted; what did not count is logged at most. */
  readonly applied: boolean;
  /** What this step was the first to learn, in order: each is told to listeners once. */
  readonly learnt: readonly DeliveryEventType[];
  readonly attempt?: AttemptChange;
  readonly event?: LoggedEvent;
}

const RANK: Record<MessageStatus, number> = {
  queued: 0,
  sending: 0,
  unknown: 0,
  sent: 1,
  discarded: 2,
  delivered: 3,
  seen: 4,
};

/** The state of a message that was just accepted. */
export const initialState = (dueAt: number, expiresAt: number): MessageState => ({
  status: 'queued',
  fence: 0,
  attempts: 0,
  failedAttempts: 0,
  dueAt,
  expiresAt,
  checks: 0,
  sid: null,
  reason: null,
  explanation: null,
  errorCode: null,
  sentAt: null,
  deliveredAt: null,
  seenAt: null,
  discardedAt: null,
});

/**
 * Folds one piece of evidence into the state of a message. The only place that decides what a message's status is.
 *
 * Positive evidence - Twilio has it - is adopted from any state, whoever brings it. Negative evidence needs the
 * fence, so a worker that lost its lease cannot put a message back that another is sending.
 */
export function step(state: MessageState, evidence: Evidence): Step {
  const { at } = evidence;
  switch (evidence.kind) {
    case 'started': {
      if (state.status !== 'queued' || state.dueAt === null || state.dueAt > at) {
        return ignored(state);
      }
      if (evidence.refusal) return discarded(state, at, evidence.refusal, 'refused', 'engine');
      if (at >= state.expiresAt) return discarded(state, at, expired(state), 'expired', 'engine');
      const attempts = state.attempts + 1;
      return {
        ...applied({
          ...state,
          status: 'sending',
          fence: evidence.fence,
          attempts,
          dueAt: evidence.leaseUntil,
        }),
        attempt: { no: attempts, startedAt: at },
      };
    }

    case 'accepted': {
      const { sid, providerStatus } = evidence;
      return {
        // An answer that comes later than the news that the attempt has failed is no news.
        ...(evidence.attempt <= state.failedAttempts
          ? ignored(state)
          : learn(adopt(state, sid, at), state, { type: 'sent', at })),
        attempt: ended(evidence, 'accepted', at, { sid }),
        event: {
          type: 'sent',
          providerStatus,
          sid,
          errorCode: 0,
          source: 'response',
          occurredAt: at,
        },
      };
    }

    case 'notSent': {
      const attempt = ended(evidence, 'notSent', at, { errorCode: evidence.errorCode });
      if (!isOpen(state, evidence.fence)) {
        return evidence.isUnconfirmed ? ignored(state) : { ...ignored(state), attempt };
      }
      if (evidence.retryAt === null) {
        return { ...discarded(state, at, evidence, 'rejected', 'engine'), attempt };
      }
      const { reason, explanation, errorCode = null, retryAt } = evidence;
      return {
        ...applied({ ...state, status: 'queued', dueAt: retryAt, reason, explanation, errorCode }),
        attempt,
      };
    }

    case 'rejected': {
      const attempt = ended(evidence, 'rejected', at, { errorCode: evidence.errorCode });
      if (!isOpen(state, evidence.fence)) return { ...ignored(state), attempt };
      return { ...discarded(state, at, evidence, 'rejected', 'response'), attempt };
    }

    case 'ambiguous': {
      const attempt = ended(evidence, 'ambiguous', at, {});
      if (state.status !== 'sending' || state.fence !== evidence.fence) {
        return { ...ignored(state), attempt };
      }
      return { ...applied(unsettled(state, at, evidence)), attempt };
    }

    case 'lapsed':
      if (state.status !== 'sending' || state.dueAt === null || state.dueAt > at) {
        return ignored(state);
      }
      return {
        ...applied(unsettled(state, at, evidence)),
        attempt: {
          no: state.attempts,
          endedAt: at,
          outcome: 'ambiguous',
          detail: 'the process that sent it ended before it knew',
        },
      };

    case 'missing': {
      // A look that came too early, or was about another attempt, proves nothing.
      const isVerified = state.checks >= CHECKS_TO_VERIFY && state.attempts === evidence.attempt;
      if (state.status !== 'unknown' || !isVerified) return ignored(state);
      const next = unsettled(state, at, evidence);
      return next.status === 'queued' ? applied(next) : ignored(state);
    }

    case 'checked':
      if (state.status !== 'unknown' && state.status !== 'sent') return ignored(state);
      if (state.dueAt === null || state.dueAt > at) return ignored(state);
      return applied({
        ...state,
        checks: state.checks + 1,
        dueAt: nextCheck(state.status, state.checks + 1, at),
      });

    case 'reported': {
      const { sid, providerStatus, type, discard, source, raw } = evidence;
      const event: LoggedEvent = {
        type,
        providerStatus,
        sid,
        errorCode: discard?.errorCode ?? 0,
        explanation: discard?.explanation,
        source,
        occurredAt: at,
        raw,
      };
      // A report that does not tell its attempt may be about one that has failed, unless it brings the present SID.
      const isOver =
        evidence.attempt === undefined
          ? state.failedAttempts > 0 && state.sid !== sid
          : evidence.attempt <= state.failedAttempts;
      // Of an attempt that has failed, only the proof that it arrived all the same counts.
      if (isOver && (!type || RANK[type] <= RANK.discarded)) {
        return {
          ...ignored(state),
          event: type === 'discarded' ? { ...event, type: undefined } : event,
        };
      }
      // The report that brings the SID also settles its attempt, whose answer may never come.
      const attempt: AttemptChange | undefined =
        evidence.attempt === undefined || state.sid !== null
          ? undefined
          : { no: evidence.attempt, outcome: 'accepted', sid, endedAt: at };
      const adopted = adopt(state, sid, at);
      const retryMs = retryAfterFailure(adopted, evidence);
      if (retryMs !== null) {
        return {
          ...applied(failed(adopted, at + retryMs, evidence)),
          learnt: newlyKnown(state, adopted),
          attempt,
          event: { ...event, type: undefined },
        };
      }
      // Another SID is proof of a second send: it may show that the recipient has it, never that they have not.
      const isForeign = adopted.sid !== sid && type === 'discarded';
      return {
        ...learn(adopted, state, isForeign ? { type: undefined, at } : { type, at, discard }),
        attempt,
        event,
      };
    }

    case 'canceled':
      if (state.status !== 'queued') return ignored(state);
      return discarded(state, at, CANCELED, 'canceled', 'operator');

    case 'resolved': {
      if (state.status !== 'unknown') return ignored(state);
      const { status, explanation } = evidence;
      if (status === 'queued') {
        const expiresAt = Math.max(state.expiresAt, at + RESEND_WINDOW_MS);
        return applied({ ...cleared(state), status, dueAt: at, expiresAt });
      }
      if (status === 'discarded') {
        const reason = {
          reason: 'resolved_not_sent',
          explanation: explanation ?? 'An operator found that the message was not sent.',
        };
        return discarded(state, at, reason, 'resolved', 'operator');
      }
      const sent = {
        ...cleared(state),
        status,
        checks: 0,
        // Without a SID there is nothing to ask for.
        dueAt: evidence.sid ? nextCheck('sent', 0, at) : null,
        sentAt: at,
        sid: evidence.sid ?? null,
      };
      return {
        ...learn(sent, state, { type: 'sent', at }),
        attempt: evidence.sid
          ? { no: state.attempts, outcome: 'accepted', sid: evidence.sid, endedAt: at }
          : undefined,
        event: {
          type: 'sent',
          providerStatus: 'resolved',
          sid: evidence.sid ?? '',
          errorCode: 0,
          explanation,
          source: 'operator',
          occurredAt: at,
        },
      };
    }
  }
}

/** How long a message may still take that an operator sends again, however old it is. */
const RESEND_WINDOW_MS = 86_400_000;

/** What kept it from being sent is still the explanation. */
const expired = ({ explanation, errorCode }: MessageState): Discard => ({
  reason: 'expired',
  explanation: `The message could not be sent before it expired. ${explanation ?? 'Nothing was tried.'}`,
  errorCode: errorCode ?? undefined,
});

const CANCELED: Discard = {
  reason: 'canceled',
  explanation: 'The message was cancelled before it was sent.',
};

const ignored = (state: MessageState): Step => ({ state, applied: false, learnt: [] });
const applied = (state: MessageState): Step => ({ state, applied: true, learnt: [] });

/** Whether nobody has decided since about what a worker sends: it still does, or its lease has ended and no more. */
const isOpen = (state: MessageState, fence: number): boolean =>
  (state.status === 'sending' && state.fence === fence) ||
  (state.status === 'unknown' && state.fence === fence + 1);

const cleared = (state: MessageState): MessageState => ({
  ...state,
  reason: null,
  explanation: null,
  errorCode: null,
});

/** Whether Twilio has the message is not known: it is held, or sent again where the policy says so. */
const unsettled = (state: MessageState, at: number, { resendAt }: Resend): MessageState =>
  resendAt === undefined || state.attempts >= MAX_ATTEMPTS
    ? unknown(state, at)
    : {
        ...state,
        status: 'queued',
        fence: state.fence + 1,
        dueAt: resendAt,
        reason: 'outcome_unknown',
        explanation:
          'Twilio may have accepted the message: its answer was lost. It is sent again, as the policy says.',
      };

/** Milliseconds until a message is tried again that Twilio had accepted and failed to pass on; null to leave it. */
const retryAfterFailure = (
  { status, sid, attempts }: MessageState,
  { jitter, sid: failedSid }: Report,
): number | null =>
  jitter === undefined || status !== 'sent' || sid !== failedSid || attempts >= MAX_ATTEMPTS
    ? null
    : retryDelay(attempts, 0, jitter);

/** Twilio has given the attempt up; the message waits for the next one. */
const failed = (
  state: MessageState,
  dueAt: number,
  { attempt = state.attempts, discard }: Report,
): MessageState => ({
  ...state,
  status: 'queued',
  fence: state.fence + 1,
  failedAttempts: attempt,
  sid: null,
  dueAt,
  reason: discard?.reason ?? null,
  explanation: discard?.explanation ?? null,
  errorCode: discard?.errorCode ?? null,
});

const unknown = (state: MessageState, at: number): MessageState => ({
  ...state,
  status: 'unknown',
  fence: state.fence + 1,
  checks: 0,
  dueAt: nextCheck('unknown', 0, at),
  reason: 'outcome_unknown',
  explanation:
    'Twilio may have accepted the message: its answer was lost. It is not sent again; a callback or a look at Twilio settles it.',
});

/** Twilio has the message: whatever was planned or believed for it is off. */
function adopt(state: MessageState, sid: string, at: number): MessageState {
  if (state.sid !== null) return state;
  const sentAt = state.sentAt ?? at;
  // Delivery can only be known already when an operator had settled the message without a SID.
  if (RANK[state.status] > RANK.discarded) return { ...state, sid, sentAt };
  return {
    ...cleared(state),
    status: 'sent',
    fence: state.fence + 1,
    checks: 0,
    dueAt: nextCheck('sent', 0, at),
    sid,
    sentAt,
    discardedAt: null,
  };
}

/** Moves the status up by rank and notes what was learnt for the first time. */
function learn(
  state: MessageState,
  before: MessageState,
  { type, at, discard }: { type?: DeliveryEventType; at: number; discard?: Discard },
): Step {
  let next = state;
  if (type && RANK[type] > RANK[next.status]) next = { ...next, status: type, dueAt: null };
  // Nobody reads what has not arrived, also when Twilio never says that it has.
  if (type === 'delivered' || type === 'seen') {
    next = { ...next, deliveredAt: next.deliveredAt ?? at };
  }
  if (type === 'seen') next = { ...next, seenAt: next.seenAt ?? at };
  if (type === 'discarded' && next.status === 'discarded') {
    next = { ...next, ...explained(next, discard), discardedAt: next.discardedAt ?? at };
  }
  return { state: next, applied: next !== before, learnt: newlyKnown(before, next) };
}

const LEARNT_BY = [
  ['sent', 'sentAt'],
  ['delivered', 'deliveredAt'],
  ['seen', 'seenAt'],
  ['discarded', 'discardedAt'],
] as const;

const newlyKnown = (before: MessageState, after: MessageState): DeliveryEventType[] =>
  LEARNT_BY.filter(([, at]) => before[at] === null && after[at] !== null).map(([type]) => type);

/** An explanation is never erased: a later report without an error code leaves the earlier one. */
function explained(state: MessageState, discard?: Discard): Partial<MessageState> {
  if (!discard || (state.reason !== null && discard.errorCode === undefined)) return {};
  const { reason, explanation, errorCode = null } = discard;
  return { reason, explanation, errorCode };
}

/** Given up by ourselves. */
function discarded(
  state: MessageState,
  at: number,
  { reason, explanation, errorCode }: Discard,
  providerStatus: string,
  source: EvidenceSource,
): Step {
  const next: MessageState = {
    ...state,
    status: 'discarded',
    fence: state.fence + 1,
    dueAt: null,
    reason,
    explanation,
    errorCode: errorCode ?? null,
    discardedAt: at,
  };
  return {
    ...applied(next),
    learnt: ['discarded'],
    event: {
      type: 'discarded',
      providerStatus,
      sid: '',
      errorCode: errorCode ?? 0,
      explanation,
      source,
      occurredAt: at,
    },
  };
}

function ended(
  { attempt, httpStatus, detail }: Answer,
  outcome: AttemptOutcome,
  at: number,
  found: Pick<AttemptChange, 'sid' | 'errorCode'>,
): AttemptChange {
  return { no: attempt, endedAt: at, outcome, httpStatus, detail, ...found };
}
