import type { Report } from '../delivery/evidence.js';
import { failureOf } from '../delivery/failure.js';
import { eventTypeOf } from '../twilio/statuses.js';

/** What Twilio says about a message, in a callback or in an event. */
export interface ReportedStatus {
  readonly source: 'callback' | 'stream';
  /** Absent in events that do not name it. */
  readonly accountSid?: string;
  readonly sid: string;
  readonly providerStatus: string;
  readonly errorCode?: number;
  readonly errorMessage?: string;
  /** The message's own `StatusCallback`, where an event names it. */
  readonly statusCallback?: string;
  /** The whole of it, redacted, in JSON. */
  readonly raw: string;
}

/** The status as evidence about its message. An error code on a positive status means nothing. */
export function reportOf(status: ReportedStatus, attempt: number | undefined): Report {
  const { source, sid, providerStatus, errorCode, errorMessage, raw } = status;
  const type = eventTypeOf(providerStatus);
  const report: Report = { kind: 'reported', source, sid, providerStatus, type, attempt, raw };
  if (type !== 'discarded') return report;
  if (providerStatus === 'canceled' && errorCode === undefined) {
    return { ...report, discard: CANCELED_AT_TWILIO };
  }
  return { ...report, ...failureOf(errorCode, errorMessage) };
}

const CANCELED_AT_TWILIO = {
  reason: 'canceled',
  explanation: 'The message was cancelled at Twilio before it was sent.',
};
