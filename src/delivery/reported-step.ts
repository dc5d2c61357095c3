import { isProof } from '../events/delivery-event.js';
import type { Moment, Report } from './evidence.js';
import {
  RANK,
  type AttemptChange,
  type LoggedEvent,
  type MessageState,
  type Step,
} from './message-state.js';
import { adopt, applied, failed, ignored, learn, newlyKnown } from './message-transitions.js';
import { MAX_ATTEMPTS, retryDelay } from './retry.js';

/** The step that a message takes when Twilio says what became of one of its attempts. */
export function reported(state: MessageState, evidence: Report & Moment): Step {
  const { at, sid, providerStatus, type, discard, source, raw } = evidence;
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
  if (isStale(state, evidence)) return ignored(state);
  const isOver = evidence.attempt !== undefined && evidence.attempt <= state.failedAttempts;
  // Of an attempt that has failed, only the proof that it arrived all the same counts.
  if (isOver && (!type || RANK[type] <= RANK.discarded)) {
    return {
      ...ignored(state),
      attempt: settledAttempt(state, evidence),
      event: type === 'discarded' ? { ...event, type: undefined } : event,
    };
  }
  // A report that was found by the SID of the message proves nothing about that.
  const isBySid = evidence.matchedBy === 'sid' && state.sid !== null;
  const adopted = isBySid ? state : adopt(state, { sid, source }, evidence);
  const attempt = settledAttempt(state, evidence);
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

/**
 * Whether the report came too late to count for this message. An entry of a list counts while the outcome of its attempt
 * is unknown. A report that was found by a SID counts while the message has it; where proof has given it to one of the
 * attempts, it goes on counting.
 */
function isStale(state: MessageState, { matchedBy, attempt, sid }: Report): boolean {
  switch (matchedBy) {
    case 'url':
      return false;
    case 'list':
      return state.status !== 'unknown' || state.sid !== null || state.attempts !== attempt;
    case 'sid':
      return attempt === undefined && state.sid !== sid;
  }
}

/** The attempt that a report settles by bringing its SID: the answer may never come. */
function settledAttempt(
  state: MessageState,
  evidence: Report & { at: number },
): AttemptChange | undefined {
  const { attempt: no, sid, source, at, matchedBy, isSidTaken } = evidence;
  const isKnown = state.sid === sid && isProof(state.sidSource);
  if (no === undefined || matchedBy === 'sid' || isSidTaken || isKnown) return undefined;
  return { no, outcome: 'accepted', sid, sidSource: source, endedAt: at };
}

/**
 * Milliseconds until a message is tried again that Twilio had accepted and failed to pass on; null to leave it. A guess
 * justifies no other attempt.
 */
const retryAfterFailure = (
  { status, sid, sidSource, attempts }: MessageState,
  { jitter, sid: failedSid }: Report,
): number | null =>
  jitter === undefined ||
  status !== 'sent' ||
  sid !== failedSid ||
  !isProof(sidSource) ||
  attempts >= MAX_ATTEMPTS
    ? null
    : retryDelay(attempts, 0, jitter);
