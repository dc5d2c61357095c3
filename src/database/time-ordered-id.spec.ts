import { firstIdAt, idMaker, instantOf, newId } from './time-ordered-id.js';

describe('newId', () => {
  const ids = Array.from({ length: 20_000 }, () => newId(Date.now()));

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
    const make = idMaker();
    const instant = 4_000_000_000_000;
    const first = firstIdAt(instant);
    expect(make(instant - 1) < first).toBe(true);
    expect(make(instant) >= first).toBe(true);
    expect(firstIdAt(1) < firstIdAt(2)).toBe(true);
  });
});

describe('idMaker', () => {
  it('follows a clock that was set right, and no small step back', () => {
    const make = idMaker();
    const ahead = 4_000_000_000_000;
    make(ahead);
    expect(instantOf(make(ahead - 60_000))).toBe(ahead);
    expect(instantOf(make(ahead - 60_001))).toBe(ahead - 60_001);
  });
});

describe('instantOf', () => {
  it('is when an id was made', () => {
    expect(instantOf(idMaker()(1_764_123_456_789))).toBe(1_764_123_456_789);
  });
});
