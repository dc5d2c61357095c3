import type { Evidence } from './evidence.js';
import type { MessageState } from './message-state.js';
import { isGuessed } from './message-transitions.js';

/**
 * The guess that evidence proves wrong, as evidence that comes before it: Twilio has given the message another SID, or
 * certainly does not have its last attempt.
 */
export function disproofBy(state: MessageState, evidence: Evidence): Evidence | undefined {
  const { sid } = state;
  if (sid === null || !isGuessed(state) || !contradicts(state, evidence)) return undefined;
  return { kind: 'disproved', at: evidence.at, sid };
}

function contradicts({ sid, attempts, failedAttempts }: MessageState, evidence: Evidence): boolean {
  switch (evidence.kind) {
    case 'accepted':
      return evidence.sid !== sid && evidence.attempt > failedAttempts;
    case 'reported':
      return (
        evidence.matchedBy === 'url' &&
        !evidence.isSidTaken &&
        evidence.sid !== sid &&
        evidence.attempt! > failedAttempts
      );
    case 'rejected':
      return evidence.attempt === attempts;
    case 'notSent':
      return evidence.attempt === attempts && !evidence.isUnconfirmed;
    default:
      return false;
  }
}
