import type { ConfigurationKey } from '../twilio-whatsapp.constants.js';

/** What each configuration key must look like, and how to say so. */
export const CONFIGURATION_FORMS: Readonly<
  Record<ConfigurationKey, { form: RegExp; hint: string }>
> = {
  TWILIO_ACCOUNT_SID: {
    form: /^AC[0-9a-f]{32}$/,
    hint: 'AC and 32 hexadecimal digits in lower case, as the Twilio console shows it',
  },
  // Sixteen characters at least: an empty or short token would make signatures forgeable.
  TWILIO_AUTH_TOKEN: {
    form: /^[\x21-\x7e]{16,128}$/,
    hint: '16 to 128 characters without spaces: copy it whole',
  },
  TWILIO_FROM_NUMBER: {
    form: /^\+[1-9]\d{6,14}$/,
    hint: 'in E.164 form without spaces, such as +14155238886',
  },
};
