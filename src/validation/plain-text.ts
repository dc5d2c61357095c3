import { ValidateBy } from 'class-validator';

/** Text that every database can keep and every log can show: no control characters, no half surrogate pairs. */
const PLAIN = /^[^\p{Cc}\p{Cs}]+$/u;

/** Whether the value is a text of 1 to `max` characters that holds nothing but characters. */
export const isPlainText = (value: unknown, max: number): value is string =>
  typeof value === 'string' && value.length <= max && PLAIN.test(value);

export const plainTextHint = (max: number): string =>
  `must be a text of 1 to ${max} characters without control characters`;

/** Accepts a text of 1 to `max` characters without control characters. */
export const IsPlainText = (max: number): PropertyDecorator =>
  ValidateBy({
    name: 'isPlainText',
    validator: {
      validate: (value) => isPlainText(value, max),
      defaultMessage: () => `$property ${plainTextHint(max)}`,
    },
  });
