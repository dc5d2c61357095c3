import { v7 as uuid } from 'uuid';
import { firstIdAt } from './first-id-at.js';
import { restBetween } from './retention.js';

describe('firstIdAt', () => {
  it('parts the ids that were made before an instant from those that were made since', () => {
    for (const instant of [1, 1_700_000_000_000, 1_763_999_999_999]) {
      const first = firstIdAt(instant);
      expect(uuid({ msecs: instant - 1 }) < first).toBe(true);
      expect(uuid({ msecs: instant }) >= first).toBe(true);
    }
  });
});

describe('restBetween', () => {
  it('is a quarter of the period, within bounds', () => {
    expect(restBetween(30 * 86_400_000)).toBe(3_600_000);
    expect(restBetween(3_600_000)).toBe(900_000);
    expect(restBetween(1)).toBe(50);
  });
});
