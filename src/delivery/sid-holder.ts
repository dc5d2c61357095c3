import { isProof, type EvidenceSource } from '../events/delivery-event.js';
import type { Evidence } from './evidence.js';
import type { MessageState } from './message-state.js';

/** An attempt that has a SID, or is to get it, and where that was learnt. */
export interface SidHolder {
  readonly messageId: string;
  readonly attempt: number;
  readonly sid: string;
  readonly source: EvidenceSource | null;
}

/** The attempt that gets a SID by the evidence; undefined where it brings none. */
export function holderBy(
  messageId: string,
  evidence: Evidence,
  state: MessageState | undefined,
): SidHolder | undefined {
  switch (evidence.kind) {
    case 'accepted':
      return { messageId, attempt: evidence.attempt, sid: evidence.sid, source: 'response' };
    case 'reported': {
      const { attempt, sid, source, matchedBy } = evidence;
      return attempt === undefined || matchedBy === 'sid'
        ? undefined
        : { messageId, attempt, sid, source };
    }
    case 'resolved': {
      const { sid } = evidence;
      return sid === undefined || !state
        ? undefined
        : { messageId, attempt: state.attempts, sid, source: 'operator' };
    }
    default:
      return undefined;
  }
}

/**
 * Decides between two attempts about a SID that one of them has: proof takes it from a guess, and nothing else takes it.
 *
 * @returns `free` when no other attempt has it
 */
export function contest(
  next: SidHolder,
  present: SidHolder | undefined,
): 'free' | 'takenBack' | 'taken' {
  if (!present || (next.messageId === present.messageId && next.attempt === present.attempt)) {
    return 'free';
  }
  return isProof(next.source) && !isProof(present.source) ? 'takenBack' : 'taken';
}
