import { NESTING_PROBLEM } from './json.js';
import { toPlainValue } from './plain-value.js';

class Order {
  constructor(readonly id: number) {}
}

class Money {
  readonly #cents: number;
  constructor(cents: number) {
    this.#cents = cents;
  }
  get cents(): number {
    return this.#cents;
  }
}

class Decimal extends Money {
  toJSON(): string {
    return String(this.cents);
  }
}

describe('toPlainValue', () => {
  it.each([
    ['plain values', { a: [1, 'x', true, null, {}], b: Object.create(null) as object }],
    ['an empty list', []],
  ])('copies %s', (_case, value) => {
    expect(toPlainValue(value)).toEqual({ value });
    expect(toPlainValue(value).value).not.toBe(value);
  });

  it.each([
    ['a date', new Date('2031-07-01T07:30:00Z'), '2031-07-01T07:30:00.000Z'],
    ['a URL', new URL('https://a.example/1'), 'https://a.example/1'],
    [
      'a map',
      new Map<unknown, unknown>([
        ['1', 'Chef'],
        [2, new Date(0)],
      ]),
      { 1: 'Chef', 2: '1970-01-01T00:00:00.000Z' },
    ],
    ['an empty map', new Map(), {}],
    ['an instance with attributes', new Order(7), { id: 7 }],
    ['what says itself what it is in JSON', new Decimal(5), '5'],
    ['what is left out of JSON', { a: undefined, b: 1 }, { b: 1 }],
  ])('takes %s', (_case, value, expected) => {
    expect(toPlainValue({ list: [value] })).toEqual({ value: { list: [expected] } });
  });

  it.each([
    ['a bigint', 1n, 'bigint'],
    ['a function', () => 1, 'function'],
    ['a symbol', Symbol('x'), 'symbol'],
    ['no number', Number.NaN, 'NaN'],
    ['infinity', -Infinity, '-Infinity'],
    ['no date', new Date(Number.NaN), 'Invalid Date'],
    ['a set', new Set(['a']), 'Set'],
    ['bytes', Buffer.from('a'), 'Buffer'],
    ['a promise', Promise.resolve('a'), 'Promise'],
    ['an expression', /x/, 'RegExp'],
    ['an error', new Error('x'), 'Error'],
    ['search parameters', new URLSearchParams('a=1'), 'URLSearchParams'],
    ['an instance that shows nothing', new Money(5), 'Money'],
    ['a map by objects', new Map([[{}, 1]]), 'Map'],
  ])('refuses %s and names its key', (_case, value, kind) => {
    for (const [input, path] of [
      [{ data: { id: value } }, 'data.id'],
      [{ data: [0, { id: value }] }, 'data[1].id'],
      [{ data: new Map([['id', value]]) }, 'data.id'],
    ] as const) {
      expect(toPlainValue(input).problem).toBe(
        `${path} is no plain value (${kind}): pass a text, a finite number, true, false, null, a list, an object, a Date, a URL or a Map`,
      );
    }
  });

  it('refuses a gap in a list', () => {
    expect(toPlainValue({ list: [undefined] }).problem).toContain('list[0] is no plain value');
  });

  it('comes to an end in a circle', () => {
    const circle: Record<string, unknown> = {};
    Object.assign(circle, { a: circle, b: circle, c: [circle, circle] });
    expect(toPlainValue(circle).problem).toBe(NESTING_PROBLEM);
    expect(
      toPlainValue({
        a: {
          toJSON() {
            return this;
          },
        },
      }).problem,
    ).toBe(NESTING_PROBLEM);
  });
});
