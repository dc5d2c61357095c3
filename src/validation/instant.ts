import { ValidateBy } from 'class-validator';

/** The forms of ISO 8601 that name one instant, wherever they are read. */
const INSTANT = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

/** From the year 10000 on, ISO 8601 has more digits, which few readers know. */
const END = Date.UTC(10_000, 0);

/**
 * Reads an instant, such as `2030-01-31T09:30:00Z`; 24:00 is the midnight that ends a day.
 *
 * @returns milliseconds since 1970; undefined when it has another form, there is no such day or time, or it is not
 *   before the year 10000
 */
export function instantOf(value: unknown): number | undefined {
  const [text, day] = (typeof value === 'string' && INSTANT.exec(value)) || [];
  if (text === undefined) return undefined;
  const instant = Date.parse(text);
  // False for NaN, too.
  return instant < END && isDay(day) ? instant : undefined;
}

/** Writes an instant without fractions of a second, as Twilio wants it. */
export const inWholeSeconds = (instant: number): string =>
  new Date(instant).toISOString().replace(/\.\d+/, '');

/** Accepts what `instantOf` can read. */
export const IsInstant = (): PropertyDecorator =>
  ValidateBy({
    name: 'isInstant',
    validator: {
      validate: (value) => instantOf(value) !== undefined,
      defaultMessage: () =>
        '$property must be an instant with its offset in ISO 8601, before the year 10000, such as 2030-01-31T09:30:00Z',
    },
  });

/** Whether a month has such a day: `Date.parse` takes 30 February for 2 March. */
const isDay = (day: string): boolean => new Date(day).toISOString().startsWith(day);
