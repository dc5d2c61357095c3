import type { Report } from '../delivery/evidence.js';
import { failureOf } from '../delivery/failure.js';
import { MESSAGE_SID, STATUS, toErrorCode } from '../twilio/outcome.js';
import { redact } from './redaction.js';
import type { FormParameters } from '../twilio/signature.js';
import { eventTypeOf } from '../twilio/statuses.js';

/** What a status callback of Twilio's says. */
export interface StatusCallback {
  readonly accountSid: string;
  readonly sid: string;
  readonly providerStatus: string;
  readonly errorCode?: number;
  readonly errorMessage?: string;
  /** The whole of it, redacted, in JSON. */
  readonly raw: string;
}

/**
 * Reads a status callback. `EventType` is not looked at: it has been seen as READ on a message that failed.
 *
 * @returns undefined for anything that is not a status of a message, such as an incoming message
 */
export function readStatusCallback(parameters: FormParameters): StatusCallback | undefined {
  const fields = new Map(parameters);
  const sid = fields.get('MessageSid') ?? '';
  const providerStatus = fields.get('MessageStatus') ?? '';
  if (!MESSAGE_SID.test(sid) || !STATUS.test(providerStatus)) return undefined;
  return {
    accountSid: fields.get('AccountSid') ?? '',
    sid,
    providerStatus,
    errorCode: toErrorCode(fields.get('ErrorCode')),
    errorMessage: fields.get('ErrorMessage') || fields.get('ChannelStatusMessage'),
    raw: JSON.stringify(redact(parameters)),
  };
}

/** The callback as evidence about its message. An error code on a positive status means nothing. */
export function reportOf(
  { sid, providerStatus, errorCode, errorMessage, raw }: StatusCallback,
  attempt: number | undefined,
): Report {
  const type = eventTypeOf(providerStatus);
  const report: Report = {
    kind: 'reported',
    source: 'callback',
    sid,
    providerStatus,
    type,
    attempt,
    raw,
  };
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
