import { jest } from '@jest/globals';
import { firstIdAt, newId } from './time-ordered-id.js';

describe('newId', () => {
  const ids = Array.from({ length: 20_000 }, newId);

  it('makes UUIDs of version 7', () => {
    const form = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    expect(ids.filter((id) => !form.test(id))).toEqual([]);
  });

  it('sorts the newer behind the older, and gives none twice', () => {
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('firstIdAt', () => {
  it('parts the ids that were made before an instant from those that were made since', () => {
    const now = jest.spyOn(Date, 'now');
    // Later than all ids so far: time never goes back for those who count.
    const instant = 4_000_000_000_000;
    const first = firstIdAt(instant);
    now.mockReturnValue(instant - 1);
    expect(newId() < first).toBe(true);
    now.mockReturnValue(instant);
    expect(newId() >= first).toBe(true);
    now.mockRestore();
    expect(firstIdAt(1) < firstIdAt(2)).toBe(true);
  });
});
