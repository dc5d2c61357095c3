const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 300_000;

/** POSTs of a message at most, after which it is given up. */
export const MAX_ATTEMPTS = 8;

/**
 * Milliseconds until a message that was certainly not sent is tried again: exponential back-off with full jitter,
 * and at least what Twilio asked for.
 *
 * @param attempts POSTs so far
 * @param random from 0 to below 1
 * @returns null when it is to be given up
 */
export function retryDelay(
  attempts: number,
  retryAfterMs = 0,
  random = Math.random(),
): number | null {
  if (attempts >= MAX_ATTEMPTS) return null;
  const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempts);
  return Math.max(retryAfterMs, Math.round(random * longest));
}
