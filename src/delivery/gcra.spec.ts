import fc from 'fast-check';
import { afterSending, available, rateOf, untilWorthwhile } from './gcra.js';

const SECOND = 1_000_000;

describe('pacing', () => {
  const perSecond = fc.integer({ min: 1, max: 10_000 });
  const looks = fc.array(
    fc.record({
      pause: fc.integer({ min: 0, max: 300_000 }),
      wanted: fc.integer({ min: 0, max: 500 }),
    }),
    { minLength: 1, maxLength: 200 },
  );

  it('never sends more than the rate and the burst in any second', () => {
    fc.assert(
      fc.property(perSecond, looks, (rps, steps) => {
        const rate = rateOf(rps);
        const sends: { at: number; count: number }[] = [];
        let [now, ahead] = [1.7e15, 0];
        for (const { pause, wanted } of steps) {
          now += pause;
          const count = Math.min(wanted, available(ahead, now, rate));
          ahead = afterSending(count, ahead, now, rate);
          sends.push({ at: now, count });
        }
        for (const { at } of sends) {
          const within = sends
            .filter((send) => send.at >= at && send.at < at + SECOND)
            .reduce((sum, { count }) => sum + count, 0);
          expect(within).toBeLessThanOrEqual(rps + rate.burst);
        }
      }),
    );
  });

  it('reaches the rate when there is always something to send', () => {
    fc.assert(
      fc.property(perSecond, (rps) => {
        const rate = rateOf(rps);
        let [now, ahead, sent] = [1.7e15, 0, 0];
        const end = now + 20 * SECOND;
        while (now <= end) {
          const count = available(ahead, now, rate);
          ahead = afterSending(count, ahead, now, rate);
          sent += count;
          now += Math.max(1, Math.ceil(untilWorthwhile(ahead, now, rate)));
        }
        expect(sent).toBeGreaterThanOrEqual(20 * rps * 0.95);
      }),
      { numRuns: 20 },
    );
  });

  it('forgives a clock that was set back', () => {
    const rate = rateOf(80);
    const now = 1.7e15;
    const ahead = afterSending(8, 0, now + 3600 * SECOND, rate);
    expect(untilWorthwhile(ahead, now, rate)).toBeLessThanOrEqual(SECOND / 10);
    expect(afterSending(1, ahead, now, rate)).toBeLessThanOrEqual(now + SECOND);
  });

  it('gives one a second to who may send one a second', () => {
    const rate = rateOf(1);
    expect(available(0, 5 * SECOND, rate)).toBe(1);
    const ahead = afterSending(1, 0, 5 * SECOND, rate);
    expect(available(ahead, 5 * SECOND + 999_999, rate)).toBe(0);
    expect(untilWorthwhile(ahead, 5 * SECOND, rate)).toBe(SECOND);
    expect(available(ahead, 6 * SECOND, rate)).toBe(1);
  });
});
