import { ValidateBy, type ValidationOptions } from 'class-validator';

const KEY_BYTES = 32;

/** Accepts 32 bytes in base64. The message never shows the value. */
export const IsEncryptionKey = (options?: ValidationOptions): PropertyDecorator =>
  ValidateBy(
    {
      name: 'isEncryptionKey',
      validator: {
        validate: (value) =>
          typeof value === 'string' && Buffer.from(value, 'base64').length === KEY_BYTES,
        defaultMessage: () =>
          '$property must each be 32 bytes in base64: make one with `openssl rand -base64 32`',
      },
    },
    options,
  );
