import { setTimeout as delay } from 'node:timers/promises';

/** Below the time-out of a test, so that the error says what was last seen. */
const DEADLINE_MS = 25_000;
const PAUSE_MS = 5;

/**
 * Reads again and again until the value fits.
 *
 * @returns the value that fits
 * @throws Error with the last value, after 25 seconds
 */
export async function eventually<T>(
  read: () => T | Promise<T>,
  fits: (value: T) => boolean = Boolean,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  // Of the system: tests move the monotonic clock.
  const end = Date.now() + deadlineMs;
  for (;;) {
    const value = await read();
    if (fits(value)) return value;
    if (Date.now() > end) {
      throw new Error(`After ${deadlineMs / 1000} s it was still ${JSON.stringify(value)}`);
    }
    await delay(PAUSE_MS);
  }
}
