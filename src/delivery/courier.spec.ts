import { isLeaseSafe, LEASE_MARGIN_MS } from './courier.js';

describe('isLeaseSafe', () => {
  it('forbids a POST that might outlive its lease', () => {
    expect(isLeaseSafe(1000, 1000 + LEASE_MARGIN_MS)).toBe(true);
    expect(isLeaseSafe(1000, 1001 + LEASE_MARGIN_MS)).toBe(false);
  });
});
