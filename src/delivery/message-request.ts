import type { TwilioParameters } from '../twilio/twilio.gateway.js';
import { toWhatsappAddress } from '../twilio/whatsapp-address.js';

/**
 * The whole form that is POSTed for one message. A caller's own `StatusCallback` stays as given; there is none where
 * Twilio could not call it.
 */
export const messageRequest = (
  shared: TwilioParameters,
  to: string,
  statusCallback: string | undefined,
): TwilioParameters => ({
  To: toWhatsappAddress(to),
  ...(statusCallback !== undefined && { StatusCallback: statusCallback }),
  ...shared,
});
