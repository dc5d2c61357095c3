const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 300_000;

/** POSTs at most of a message that Twilio accepts and then fails to pass on, or may have. */
export const MAX_ATTEMPTS = 8;

/**
 * Milliseconds until a message is tried again: exponential back-off with full jitter, and at least what Twilio asked
 * for.
 *
 * @param attempts POSTs so far
 * @param random from 0 to below 1
 */
export function retryDelay(attempts: number, retryAfterMs = 0, random = Math.random()): number {
  const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempts);
  return Math.max(retryAfterMs, Math.round(random * longest));
}
