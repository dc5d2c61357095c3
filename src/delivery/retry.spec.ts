import fc from 'fast-check';
import { retryDelay } from './retry.js';

describe('retryDelay', () => {
  it('stays within full jitter, at least what Twilio asks for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2000 }),
        fc.nat({ max: 3_600_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempts, retryAfter, random) => {
          const delay = retryDelay(attempts, retryAfter, random);
          const longest = Math.min(300_000, 1000 * 2 ** attempts);
          expect(delay).toBeGreaterThanOrEqual(retryAfter);
          expect(delay).toBeLessThanOrEqual(Math.max(retryAfter, longest));
        },
      ),
    );
  });
});
