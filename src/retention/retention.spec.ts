import { isPlausibleGap, restBetween, uninterruptedNow } from './retention.js';

describe('restBetween', () => {
  it('is a quarter of the period, within bounds', () => {
    expect(restBetween(30 * 86_400_000)).toBe(3_600_000);
    expect(restBetween(3_600_000)).toBe(900_000);
    expect(restBetween(1)).toBe(50);
  });
});

describe('isPlausibleGap', () => {
  it('doubts a clock by which nothing was accepted for more than a day, for an hour', () => {
    expect(isPlausibleGap(DAY_MS, 0)).toBe(true);
    expect(isPlausibleGap(-DAY_MS, 0)).toBe(true);
    expect(isPlausibleGap(DAY_MS + 1, 0)).toBe(false);
    expect(isPlausibleGap(500 * DAY_MS, 3_599_999)).toBe(false);
    expect(isPlausibleGap(DAY_MS + 1, 3_600_000)).toBe(true);
  });
});

describe('uninterruptedNow', () => {
  it('does not count what the clock was set ahead, and believes one that was set back', () => {
    expect(uninterruptedNow(1000, 400)).toBe(600);
    expect(uninterruptedNow(1000, -400)).toBe(1000);
  });
});

const DAY_MS = 86_400_000;
