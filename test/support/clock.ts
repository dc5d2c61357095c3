import { jest } from '@jest/globals';

/** Does something while the monotonic clock stands still, so many milliseconds ahead. */
export async function whenClockIsAhead(ms: number, work: () => Promise<void>): Promise<void> {
  const clock = jest.spyOn(performance, 'now').mockReturnValue(performance.now() + ms);
  try {
    await work();
  } finally {
    clock.mockRestore();
  }
}
