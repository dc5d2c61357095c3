import type { EvidenceSource } from '../events/delivery-event.js';
import type { Evidence } from './evidence.js';
import { stateOf, type StateRow } from './ledger.rows.js';
import type { MessageStep } from './ledger.writes.js';
import type { LoggedEvent, MessageState } from './message-state.js';
import { disproofBy } from './disproof.js';
import { step } from './message-step.js';
import { redactedStep } from './redacted-step.js';

/** What a piece of evidence did. Without `state` there is no such message. */
export interface Recorded {
  readonly applied: boolean;
  readonly state?: MessageState;
  /** Whether its SID is proven, or believed for the same reasons, to be that of another attempt. */
  readonly isSidTaken?: boolean;
}

/** Where what Twilio reports of a SID comes from. */
export const REPORTING: readonly EvidenceSource[] = ['callback', 'stream', 'poll'];
/** A SID that a message, or one of its attempts, gives up. */
interface Release {
  readonly messageId: string;
  readonly sid: string;
  /**
   * What happens to what was reported of the SID: it goes to another message; it stays as a record that says nothing
   * about this message; or it stays as it is, where another attempt of the message has the SID.
   */
  readonly reports: 'moved' | 'kept' | 'unchanged';
}

/** The messages that a transaction has locked, and the steps that they take in it. */
export class Fold {
  readonly steps: MessageStep[] = [];
  readonly releases: Release[] = [];
  private readonly states = new Map<string, MessageState>();
  private readonly redacted = new Set<string>();

  constructor(rows: readonly StateRow[]) {
    this.add(rows);
  }

  /** Adds messages that are locked as well. */
  add(rows: readonly StateRow[]): void {
    for (const row of rows) {
      this.states.set(row.id, stateOf(row));
      if (row.redacted_at !== null) this.redacted.add(row.id);
    }
  }

  stateOf(messageId: string): MessageState | undefined {
    return this.states.get(messageId);
  }

  /** Whether the message is locked, and can take steps. */
  has(messageId: string): boolean {
    return this.states.has(messageId);
  }

  /** @param reports what happens to what was reported of a SID that the message gives up */
  take(messageId: string, evidence: Evidence, reports: 'moved' | 'kept' = 'kept'): Recorded {
    const before = this.states.get(messageId);
    if (!before) return { applied: false };
    const disproof = disproofBy(before, evidence);
    if (disproof) this.take(messageId, disproof);
    const state = this.states.get(messageId)!;
    const taken = (this.redacted.has(messageId) ? redactedStep : step)(state, evidence);
    if (taken.releasedSid !== undefined) {
      this.release({ messageId, sid: taken.releasedSid, reports });
    }
    this.states.set(messageId, taken.state);
    this.steps.push({ messageId, at: evidence.at, before: state, step: taken });
    return { applied: taken.applied || disproof !== undefined, state: taken.state };
  }

  /** Takes back what earlier steps would write of the SID, beside what is stored of it. */
  release(release: Release): void {
    const { messageId, sid, reports } = release;
    this.releases.push(release);
    for (const [index, each] of this.steps.entries()) {
      if (each.messageId !== messageId) continue;
      const { attempt, event } = each.step;
      this.steps[index] = {
        ...each,
        step: {
          ...each.step,
          attempt: attempt?.sid === sid ? undefined : attempt,
          event: isReportOf(event, sid) ? without(event, reports) : event,
        },
      };
    }
  }

  /** What earlier steps were to store of what Twilio has reported of the SID. */
  reportsOf(messageId: string, sid: string): LoggedEvent[] {
    return this.steps.flatMap(({ messageId: id, step: { event } }) =>
      id === messageId && isReportOf(event, sid) ? [event] : [],
    );
  }
}

/** What is still to be written of a report on a SID that is given up. */
function without(event: LoggedEvent, reports: Release['reports']): LoggedEvent | undefined {
  if (reports === 'unchanged') return event;
  return reports === 'moved' ? undefined : { ...event, type: undefined, explanation: undefined };
}

const isReportOf = (event: LoggedEvent | undefined, sid: string): event is LoggedEvent =>
  event?.sid === sid && REPORTING.includes(event.source);
