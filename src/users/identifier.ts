import { ValidateBy } from 'class-validator';

/** What a user's identifier may be: 1 to 255 characters, none of them a control character. */
const IDENTIFIER = /^[^\p{Cc}\p{Cs}]{1,255}$/u;

export const isIdentifier = (value: unknown): value is string =>
  typeof value === 'string' && IDENTIFIER.test(value);

export const IDENTIFIER_HINT = 'must be a text of 1 to 255 characters without control characters';

/** Accepts a user's identifier. */
export const IsUserIdentifier = (): PropertyDecorator =>
  ValidateBy({
    name: 'isUserIdentifier',
    validator: { validate: isIdentifier, defaultMessage: () => `$property ${IDENTIFIER_HINT}` },
  });
