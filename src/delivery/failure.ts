import { explainError } from '../twilio/error-catalogue.js';
import type { Report } from './evidence.js';

/**
 * What a failure means that Twilio reports for a message it had accepted. Only a limit that was exceeded calls for
 * another attempt: with any other failure the recipient may have the message all the same.
 */
export function failureOf(
  errorCode: number | undefined,
  errorMessage: string | undefined,
  random = Math.random(),
): Pick<Report, 'discard' | 'jitter'> {
  const { reason, explanation, retryable } = explainError(errorCode, errorMessage);
  return {
    discard: { reason, explanation, errorCode },
    jitter: retryable && reason === 'rate_limited' ? random : undefined,
  };
}
