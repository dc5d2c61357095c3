import { isProof, type DeliveryStatus, type EvidenceSource } from '../events/delivery-event.js';
import { nextCheck } from './check-schedule.js';
import type { Discard, Moment, Report, Resend } from './evidence.js';
import { RANK, type MessageState, type Step } from './message-state.js';
import { MAX_ATTEMPTS } from './retry.js';

/** SIDs that an explanation names at most. */
const MAX_NAMED = 3;

/** The evidence changes nothing. */
export const ignored = (state: MessageState): Step => ({ state, applied: false, learnt: [] });
/** The evidence counts. */
export const applied = (state: MessageState): Step => ({ state, applied: true, learnt: [] });

/** Without what explained the status of before. */
export const cleared = (state: MessageState): MessageState => ({
  ...state,
  reason: null,
  explanation: null,
  errorCode: null,
});

/** Whether Twilio has the message is not known: it is held, or sent again where the policy says so. */
export const unsettled = (state: MessageState, at: number, { resendAt }: Resend): MessageState =>
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

/** Twilio has given the attempt up; the message waits for the next one. */
export const failed = (
  state: MessageState,
  dueAt: number,
  { attempt = state.attempts, discard }: Report,
): MessageState => ({
  ...state,
  status: 'queued',
  fence: state.fence + 1,
  failedAttempts: attempt,
  sid: null,
  sidSource: null,
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
  notFoundCount: 0,
  dueAt: nextCheck('unknown', 0, { at }),
  reason: 'outcome_unknown',
  explanation:
    'Twilio may have accepted the message: its answer was lost. It is not sent again; a callback or an operator settles it.',
});

/** A SID, and where it was learnt. */
export interface FoundSid {
  readonly sid: string;
  readonly source: EvidenceSource;
}

/** Twilio has the message: whatever was planned or believed for it is off. */
export function adopt(
  state: MessageState,
  { sid, source }: FoundSid,
  moment: Moment,
): MessageState {
  if (state.sid !== null) return confirmed(state, { sid, source });
  const sentAt = state.sentAt ?? moment.at;
  const found = { sid, sidSource: source };
  // Delivery can only be known already when an operator had settled the message without a SID.
  if (RANK[state.status] > RANK.discarded) return { ...state, ...found, sentAt };
  return {
    ...cleared(state),
    status: 'sent',
    fence: state.fence + 1,
    checks: 0,
    dueAt: nextCheck('sent', 0, moment),
    ...found,
    sentAt,
    discardedAt: null,
  };
}

/** Proof of the SID that the message has by a guess makes it certain. */
const confirmed = (state: MessageState, { sid, source }: FoundSid): MessageState =>
  state.sid === sid && isProof(source) && !isProof(state.sidSource)
    ? { ...state, sidSource: source }
    : state;

/** Whether the message has its SID by a guess. */
export const isGuessed = ({ sid, sidSource }: MessageState): boolean =>
  sid !== null && !isProof(sidSource);

/** Twilio's list shows what may be the message, and does not prove it: an operator can. */
export function undecided(
  state: MessageState,
  { attempt, sids }: { readonly attempt: number; readonly sids: readonly string[] },
): Step {
  const names = sids.slice(0, MAX_NAMED).join(', ');
  const explanation = `Twilio may have accepted the message: its answer was lost. Twilio's list shows ${names}, which may be this message or another one. A callback or an operator settles it.`;
  const isAboutIt = state.status === 'unknown' && state.attempts === attempt && sids.length > 0;
  if (!isAboutIt) return ignored(state);
  return state.explanation === explanation ? ignored(state) : applied({ ...state, explanation });
}

/** The message gives up a SID that it had by a guess, and all that was reported of that SID. */
export function disproved(state: MessageState, sid: string, at: number): Step {
  if (!isGuessed(state) || state.sid !== sid) return ignored(state);
  const explanation = `The SID ${sid}, which was taken for that of this message, is not. What was reported of it does not count. Another answer, a callback or an operator settles the message.`;
  const next: MessageState = {
    ...unknown(state, at),
    explanation,
    errorCode: null,
    sid: null,
    sidSource: null,
    sentAt: null,
    deliveredAt: null,
    seenAt: null,
    discardedAt: null,
  };
  return {
    ...applied(next),
    learnt: ['corrected'],
    releasedSid: sid,
    event: {
      type: 'corrected',
      providerStatus: 'disproved',
      sid,
      errorCode: 0,
      explanation,
      source: 'engine',
      occurredAt: at,
    },
  };
}

/** Moves the status up by rank and notes what was learnt for the first time. */
export function learn(
  state: MessageState,
  before: MessageState,
  { type, at, discard }: { type?: DeliveryStatus; at: number; discard?: Discard },
): Step {
  let next = state;
  if (type && RANK[type] > RANK[next.status]) {
    // What arrived was not discarded: that it was called so stays among its events.
    next = { ...next, status: type, dueAt: null, discardedAt: null };
  }
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

/** What one state knows and the other did not. */
export const newlyKnown = (before: MessageState, after: MessageState): DeliveryStatus[] =>
  LEARNT_BY.filter(([, at]) => before[at] === null && after[at] !== null).map(([type]) => type);

/** An explanation is never erased: a later report without an error code leaves the earlier one. */
function explained(state: MessageState, discard?: Discard): Partial<MessageState> {
  if (!discard || (state.reason !== null && discard.errorCode === undefined)) return {};
  const { reason, explanation, errorCode = null } = discard;
  return { reason, explanation, errorCode };
}

/** Given up by ourselves. */
export function discarded(
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
