import { ValidateBy, type ValidationOptions } from 'class-validator';

const KEY_BYTES = 32;

/** Whether a value is 32 bytes in base64. */
export const isEncryptionKey = (value: unknown): value is string =>
  typeof value === 'string' && Buffer.from(value, 'base64').length === KEY_BYTES;

/** Accepts 32 bytes in base64. The message never shows the value. */
export const IsEncryptionKey = (options?: ValidationOptions): PropertyDecorator =>
  ValidateBy(
    {
      name: 'isEncryptionKey',
      validator: {
        validate: isEncryptionKey,
        defaultMessage: () =>
          '$property must each be 32 bytes in base64: make one with `openssl rand -base64 32`',
      },
    },
    options,
  );
