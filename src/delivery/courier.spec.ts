import { isLeaseSafe } from './courier.js';

describe('isLeaseSafe', () => {
  it('forbids a POST that might outlive its lease', () => {
    expect(isLeaseSafe(1000, 16_000, 15_000)).toBe(true);
    expect(isLeaseSafe(1000, 16_001, 15_000)).toBe(false);
  });
});
