import { ValidateBy, type ValidationOptions } from 'class-validator';

const KEY_BYTES = 32;
/** Node's decoder skips what is not base64, so that a key with a typing error would silently be another one. */
const BASE64 = /^[\w+/-]+={0,2}$/;

/** Whether a value is 32 bytes in base64, or in base64url, and nothing else. */
export function isEncryptionKey(value: unknown): value is string {
  if (typeof value !== 'string' || !BASE64.test(value)) return false;
  const key = Buffer.from(value, 'base64');
  const given = value.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
  // What is encoded anew is the same only if nothing was skipped, of the last character neither.
  return key.length === KEY_BYTES && key.toString('base64url') === given;
}

/** Accepts 32 bytes in base64. The message never shows the value. */
export const IsEncryptionKey = (options?: ValidationOptions): PropertyDecorator =>
  ValidateBy(
    {
      name: 'isEncryptionKey',
      validator: {
        validate: isEncryptionKey,
        defaultMessage: () =>
          '$property must each be 32 bytes in base64, without blanks or other characters: make one with `openssl rand -base64 32`',
      },
    },
    options,
  );
