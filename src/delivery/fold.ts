import type { EvidenceSource } from '../events/delivery-event.js';
import type { Evidence } from './evidence.js';
import { stateOf, type StateRow } from './ledger.rows.js';
import type { MessageStep } from './ledger.writes.js';
import type { LoggedEvent, MessageState } from './message-state.js';
import { disproofBy, step } from './message-step.js';
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
  /** Whether the message gives up what was reported of the SID as well. */
  readonly withReports: boolean;
}

/** The messages that a transaction has locked, and the steps that they take in it. */
export class Fold {
  readonly steps: MessageStep[] = [];
  readonly releases: Release[] = [];
  private readonly states: Map<string, MessageState>;
  private readonly redacted: ReadonlySet<string>;

  constructor(rows: readonly StateRow[]) {
    this.states = new Map(rows.map((row) => [row.id, stateOf(row)]));
    this.redacted = new Set(rows.flatMap((row) => (row.redacted_at === null ? [] : [row.id])));
  }

  stateOf(messageId: string): MessageState | undefined {
    return this.states.get(messageId);
  }

  take(messageId: string, evidence: Evidence): Recorded {
    const before = this.states.get(messageId);
    if (!before) return { applied: false };
    const disproof = disproofBy(before, evidence);
    if (disproof) this.take(messageId, disproof);
    const state = this.states.get(messageId)!;
    const taken = (this.redacted.has(messageId) ? redactedStep : step)(state, evidence);
    if (taken.releasedSid !== undefined) {
      this.release({ messageId, sid: taken.releasedSid, withReports: true });
    }
    this.states.set(messageId, taken.state);
    this.steps.push({ messageId, at: evidence.at, before: state, step: taken });
    return { applied: taken.applied || disproof !== undefined, state: taken.state };
  }

  /** Takes back what earlier steps would write of the SID, beside what is stored of it. */
  release(release: Release): void {
    const { messageId, sid, withReports } = release;
    this.releases.push(release);
    for (const [index, each] of this.steps.entries()) {
      if (each.messageId !== messageId) continue;
      const { attempt, event } = each.step;
      this.steps[index] = {
        ...each,
        step: {
          ...each.step,
          attempt: attempt?.sid === sid ? undefined : attempt,
          event: withReports && isReportOf(event, sid) ? undefined : event,
        },
      };
    }
  }

  /** What earlier steps were to store of what Twilio has reported of the SID. */
  reportsOf(messageId: string, sid: string): LoggedEvent[] {
    return this.steps.flatMap(({ messageId: id, step: { event } }) =>
      id === messageId && event && isReportOf(event, sid) ? [event] : [],
    );
  }
}

const isReportOf = (event: LoggedEvent | undefined, sid: string): boolean =>
  event?.sid === sid && REPORTING.includes(event.source);
