import type { EvidenceSource } from '../events/delivery-event.js';
import { explainError } from '../twilio/error-catalogue.js';
import { eventTypeOf } from '../twilio/statuses.js';
import type { Report } from './evidence.js';

/** What Twilio says about a message: in a callback, in an event, or when it is asked. */
export interface TwilioStatus {
  readonly source: EvidenceSource;
  readonly sid: string;
  readonly providerStatus: string;
  readonly errorCode?: number;
  readonly errorMessage?: string;
  /** The whole of it, redacted, in JSON. */
  readonly raw?: string;
}

const CANCELED_AT_TWILIO = {
  reason: 'canceled',
  explanation: 'The message was cancelled at Twilio before it was sent.',
};

/** A status of Twilio's as evidence about its message. An error code on a positive status means nothing. */
export function reportOf(
  { source, sid, providerStatus, errorCode, errorMessage, raw }: TwilioStatus,
  match: Pick<Report, 'matchedBy' | 'attempt'>,
): Report {
  const type = eventTypeOf(providerStatus);
  const report: Report = { kind: 'reported', source, sid, providerStatus, type, raw, ...match };
  if (type !== 'discarded') return report;
  if (providerStatus === 'canceled' && errorCode === undefined) {
    return { ...report, discard: CANCELED_AT_TWILIO };
  }
  return { ...report, ...failureOf(errorCode, errorMessage) };
}

/**
 * What a failure means that Twilio reports for a message it had accepted. Only a limit that was exceeded calls for
 * another attempt: with any other failure the recipient may have the message all the same.
 */
function failureOf(errorCode?: number, errorMessage?: string): Pick<Report, 'discard' | 'jitter'> {
  const { reason, explanation, retryable } = explainError(errorCode, errorMessage);
  return {
    discard: { reason, explanation, errorCode },
    jitter: retryable && reason === 'rate_limited' ? Math.random() : undefined,
  };
}
