import type { TwilioParameters } from '../twilio/twilio.gateway.js';
import { toWhatsappAddress } from '../twilio/whatsapp-address.js';

/** The whole form that is POSTed for one message. A caller's own `StatusCallback` stays as given. */
export const messageRequest = (
  shared: TwilioParameters,
  to: string,
  statusCallback: string,
): TwilioParameters => ({
  To: toWhatsappAddress(to),
  StatusCallback: statusCallback,
  ...shared,
});
