import { isPlainText, plainTextHint } from './plain-text.js';

/** Characters that a user's identifier may have. */
export const MAX_IDENTIFIER_LENGTH = 255;

export const isIdentifier = (value: unknown): value is string =>
  isPlainText(value, MAX_IDENTIFIER_LENGTH);

export const IDENTIFIER_HINT = plainTextHint(MAX_IDENTIFIER_LENGTH);
