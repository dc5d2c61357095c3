import {
  CONFIGURATION_KEYS,
  REQUIRED_KEYS,
  type ConfigurationKey,
  type RequiredKey,
} from '../twilio-whatsapp.constants.js';
import { sharedKey, tokenKey, type SigningKey } from '../twilio/signature.js';
import type { TwilioCredentials } from '../twilio/twilio.gateway.js';

/** A whole configuration of the provider. */
export type ProviderConfiguration = Readonly<
  Record<RequiredKey, string> & Partial<Record<ConfigurationKey, string>>
>;

/** What changes in a configuration: what is left out stays, `null` takes an optional key away. */
export type ConfigurationChange = Readonly<
  Partial<Record<RequiredKey, string> & Record<ConfigurationKey, string | null>>
>;

const AUTH_TOKEN = {
  // Sixteen characters at least: an empty or short token would make signatures forgeable.
  form: /^[\x21-\x7e]{16,128}$/,
  hint: '16 to 128 characters without spaces: copy it whole',
};

/** What each configuration key must look like, and how to say so. */
export const CONFIGURATION_FORMS: Readonly<
  Record<ConfigurationKey, { form: RegExp; hint: string }>
> = {
  TWILIO_ACCOUNT_SID: {
    form: /^AC[0-9a-f]{32}$/,
    hint: 'AC and 32 hexadecimal digits in lower case, as the Twilio console shows it',
  },
  TWILIO_AUTH_TOKEN: AUTH_TOKEN,
  TWILIO_FROM_NUMBER: {
    form: /^\+[1-9]\d{6,14}$/,
    hint: 'in E.164 form without spaces, such as +14155238886',
  },
  TWILIO_API_KEY_SID: {
    form: /^SK[0-9a-f]{32}$/,
    hint: 'SK and 32 hexadecimal digits in lower case, together with TWILIO_API_KEY_SECRET',
  },
  TWILIO_API_KEY_SECRET: {
    form: AUTH_TOKEN.form,
    hint: 'the 16 to 128 characters that the Twilio console shows once, together with TWILIO_API_KEY_SID',
  },
  TWILIO_SECONDARY_AUTH_TOKEN: AUTH_TOKEN,
  TWILIO_SHARED_KEY: {
    form: /^[!-+\--~]{16,256}(,[!-+\--~]{16,256})?$/,
    hint: 'the secret of a SharedKey, 16 to 256 characters without spaces, or two with a comma between while they are rotated',
  },
};

/**
 * The configuration that environment variables describe; undefined when none of them is set. A required one that is
 * missing is empty, and found by validation.
 */
export function configurationFrom(
  variables: Readonly<Partial<Record<ConfigurationKey, string>>>,
): ProviderConfiguration | undefined {
  const given = CONFIGURATION_KEYS.filter((key) => variables[key]);
  if (given.length === 0) return undefined;
  return Object.fromEntries(
    [...REQUIRED_KEYS, ...given].map((key) => [key, variables[key] ?? '']),
  ) as ProviderConfiguration;
}

/** What requests are authenticated with under a configuration. */
export function credentialsOf(configuration: ProviderConfiguration): TwilioCredentials {
  const { TWILIO_API_KEY_SID: sid, TWILIO_API_KEY_SECRET: secret } = configuration;
  return {
    accountSid: configuration.TWILIO_ACCOUNT_SID,
    authToken: configuration.TWILIO_AUTH_TOKEN,
    ...(sid && secret && { apiKey: { sid, secret } }),
  };
}

/** What Twilio may sign callbacks with under a configuration. */
export function signingKeysOf(configuration: ProviderConfiguration): SigningKey[] {
  const { TWILIO_AUTH_TOKEN, TWILIO_SECONDARY_AUTH_TOKEN, TWILIO_SHARED_KEY } = configuration;
  return [
    ...[TWILIO_AUTH_TOKEN, TWILIO_SECONDARY_AUTH_TOKEN]
      .filter((token) => token !== undefined)
      .map(tokenKey),
    ...(TWILIO_SHARED_KEY?.split(',') ?? []).map(sharedKey),
  ];
}

/**
 * A configuration after a change. The auth token that is replaced stays on as the secondary one, so that callbacks that
 * were signed with it are still understood; what belongs to an account goes when the account does.
 */
export function changeConfiguration(
  before: ProviderConfiguration,
  change: ConfigurationChange,
): ProviderConfiguration {
  const isOtherAccount =
    (change.TWILIO_ACCOUNT_SID ?? before.TWILIO_ACCOUNT_SID) !== before.TWILIO_ACCOUNT_SID;
  const isOtherToken =
    (change.TWILIO_AUTH_TOKEN ?? before.TWILIO_AUTH_TOKEN) !== before.TWILIO_AUTH_TOKEN;
  const isKeyless =
    isOtherAccount || change.TWILIO_API_KEY_SID === null || change.TWILIO_API_KEY_SECRET === null;
  const after = {
    ...before,
    ...(isOtherToken && { TWILIO_SECONDARY_AUTH_TOKEN: before.TWILIO_AUTH_TOKEN }),
    ...(isOtherAccount && { TWILIO_SECONDARY_AUTH_TOKEN: null, TWILIO_SHARED_KEY: null }),
    ...(isKeyless && { TWILIO_API_KEY_SID: null, TWILIO_API_KEY_SECRET: null }),
    ...Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)),
  };
  return Object.fromEntries(
    Object.entries(after).filter(([, value]) => value !== null && value !== undefined),
  ) as ProviderConfiguration;
}
