import { restBetween } from './retention.js';

describe('restBetween', () => {
  it('is a quarter of the period, within bounds', () => {
    expect(restBetween(30 * 86_400_000)).toBe(3_600_000);
    expect(restBetween(3_600_000)).toBe(900_000);
    expect(restBetween(1)).toBe(50);
  });
});
