import { InvalidNotificationError } from '../twilio-whatsapp.errors.js';
import type { TwilioCredentials } from '../twilio/twilio.gateway.js';
import type { Override } from './override.js';

/**
 * The credentials that a request brings along, completed from the instance; undefined when it brings none.
 *
 * @throws InvalidNotificationError when they lack the token of another account
 */
export function overriddenCredentials(
  { config }: Override,
  own: TwilioCredentials,
): TwilioCredentials | undefined {
  const {
    TWILIO_ACCOUNT_SID: accountSid = own.accountSid,
    TWILIO_AUTH_TOKEN: authToken,
    TWILIO_API_KEY_SID: sid,
    TWILIO_API_KEY_SECRET: secret,
  } = config;
  const apiKey = sid !== undefined && secret !== undefined ? { sid, secret } : undefined;
  if (authToken !== undefined) return { accountSid, authToken, ...(apiKey && { apiKey }) };
  // Its callbacks are signed with the account's token all the same.
  if (accountSid === own.accountSid) {
    return apiKey && { accountSid, authToken: own.authToken, apiKey };
  }
  throw new InvalidNotificationError([
    'override.twilio_whatsapp._config.TWILIO_ACCOUNT_SID names another account: pass its TWILIO_AUTH_TOKEN too',
  ]);
}
