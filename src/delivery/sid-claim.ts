import { isProof, type EvidenceSource } from '../events/delivery-event.js';
import type { Evidence } from './evidence.js';
import type { MessageState } from './message-state.js';

/** An attempt that has a SID, or is to get it, and where that was learnt. */
export interface SidClaim {
  readonly messageId: string;
  readonly attempt: number;
  readonly sid: string;
  readonly source: EvidenceSource | null;
}

/** The claim to a SID that evidence makes for its message; undefined where it makes none. */
export function claimOf(
  messageId: string,
  evidence: Evidence,
  state: MessageState | undefined,
): SidClaim | undefined {
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
 * Who gets a SID that an attempt has already: proof takes it from a guess, and nothing else takes it.
 *
 * @returns `free` when it is the same attempt's, or nobody's
 */
export function contest(
  claim: SidClaim,
  owner: SidClaim | undefined,
): 'free' | 'takenBack' | 'taken' {
  if (!owner || (claim.messageId === owner.messageId && claim.attempt === owner.attempt)) {
    return 'free';
  }
  return isProof(claim.source) && !isProof(owner.source) ? 'takenBack' : 'taken';
}
