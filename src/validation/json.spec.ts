import fc from 'fast-check';
import { canonicalJson, isNestedTooDeep, NESTING_PROBLEM, toStorableJson } from './json.js';

describe('isNestedTooDeep', () => {
  /** Wraps a value in so many lists and objects, with keys and texts that look like brackets. */
  const nested = (levels: number, key: string, inner: unknown): unknown =>
    Array.from({ length: levels }).reduce(
      (value, _, level) => (level % 2 ? [key, value] : { [key]: value }),
      inner,
    );

  it('finds too deep what is too deep once it is parsed, and nothing else', () => {
    const key = fc.oneof(fc.string(), fc.stringMatching(/^[[\]{}"\\]{0,9}$/));
    const levels = fc.oneof(fc.integer({ min: 60, max: 68 }), fc.integer({ min: 0, max: 99 }));
    const spaces = fc.constantFrom(undefined, 1, '\t');
    fc.assert(
      fc.property(
        levels,
        key,
        fc.jsonValue({ maxDepth: 3 }),
        spaces,
        (count, text, inner, space) => {
          const value = nested(count, text, inner);
          const isTooDeep = toStorableJson(value).problem === NESTING_PROBLEM;
          expect(isNestedTooDeep(Buffer.from(JSON.stringify(value, undefined, space)))).toBe(
            isTooDeep,
          );
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('takes 64 levels, and no more', () => {
    expect(isNestedTooDeep(Buffer.from('['.repeat(64)))).toBe(false);
    expect(isNestedTooDeep(Buffer.from('['.repeat(65)))).toBe(true);
    expect(isNestedTooDeep(Buffer.from('[]'.repeat(65)))).toBe(false);
  });
});

describe('canonicalJson', () => {
  const reversed = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(reversed);
    const entries = Object.entries(value).map(([key, inner]) => [key, reversed(inner)]);
    return Object.fromEntries(entries.toReversed() as [string, unknown][]);
  };

  it('says the same of the same value, whatever the order of its keys', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const json = canonicalJson(value);
        expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(reversed(value))).toBe(json);
        expect(canonicalJson(JSON.parse(json))).toBe(json);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    [{ a: 1 }, { a: '1' }],
    [{ a: [1, 2] }, { a: [2, 1] }],
    [{ a: { b: 1 } }, { a: 1, b: 1 }],
    [{ 'a":1,"b': 2 }, { a: 1, b: 2 }],
    [{ a: null }, {}],
  ])('tells %j from %j', (one, other) => {
    expect(canonicalJson(one)).not.toBe(canonicalJson(other));
  });
});
