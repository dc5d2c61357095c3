/** The provider's name in `override.twilio_whatsapp`, in callback URLs and in the catalogue. */
export const PROVIDER_IDENTIFIER = 'twilio_whatsapp';

/** The channel that the provider serves, as named in `override.channels`. */
export const CHANNEL = 'whatsapp';

/** The configuration keys that a provider instance cannot do without. */
export const REQUIRED_KEYS = [
  'TWILIO_ACCOUNT_SID',
  'TWILIO_AUTH_TOKEN',
  'TWILIO_FROM_NUMBER',
] as const;
export type RequiredKey = (typeof REQUIRED_KEYS)[number];

/** The configuration keys that a request may override. */
export const OVERRIDABLE_KEYS = [
  ...REQUIRED_KEYS,
  'TWILIO_API_KEY_SID',
  'TWILIO_API_KEY_SECRET',
] as const;

/** The provider's configuration keys. */
export const CONFIGURATION_KEYS = [
  ...OVERRIDABLE_KEYS,
  'TWILIO_SECONDARY_AUTH_TOKEN',
  'TWILIO_SHARED_KEY',
] as const;
export type ConfigurationKey = (typeof CONFIGURATION_KEYS)[number];

// Registered symbols: a process that loads the package as ES modules and as CommonJS has each token once.

/** Token of the module's options, validated and with their defaults. */
export const TWILIO_WHATSAPP_OPTIONS = Symbol.for('nestjs-twilio-whatsapp:TWILIO_WHATSAPP_OPTIONS');

/** Token of the options as the host gave them. */
export const TWILIO_WHATSAPP_RAW_OPTIONS = Symbol.for(
  'nestjs-twilio-whatsapp:TWILIO_WHATSAPP_RAW_OPTIONS',
);

/** Token of the settings that are fixed while modules are assembled. */
export const TWILIO_WHATSAPP_EXTRAS = Symbol.for('nestjs-twilio-whatsapp:TWILIO_WHATSAPP_EXTRAS');

/** Token of the TypeORM data source that holds the module's tables. */
export const TWILIO_WHATSAPP_DATA_SOURCE = Symbol.for(
  'nestjs-twilio-whatsapp:TWILIO_WHATSAPP_DATA_SOURCE',
);

/** Token of the {@link UserDirectory} that turns identifiers into phone numbers. */
export const TWILIO_WHATSAPP_USER_DIRECTORY = Symbol.for(
  'nestjs-twilio-whatsapp:TWILIO_WHATSAPP_USER_DIRECTORY',
);
