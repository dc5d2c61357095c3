import type { Report } from './evidence.js';
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
export function reported(state: MessageState, evidence: Report & { at: number }): Step {
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
    evidence.attempt === undefined || evidence.isSidTaken || state.sid !== null
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

/** Milliseconds until a message is tried again that Twilio had accepted and failed to pass on; null to leave it. */
const retryAfterFailure = (
  { status, sid, attempts }: MessageState,
  { jitter, sid: failedSid }: Report,
): number | null =>
  jitter === undefined || status !== 'sent' || sid !== failedSid || attempts >= MAX_ATTEMPTS
    ? null
    : retryDelay(attempts, 0, jitter);
