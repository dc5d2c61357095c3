import type { TwilioParameters } from './twilio.gateway.js';

const PREFIX = 'whatsapp:';
const MESSAGING_SERVICE_SID = /^MG[0-9a-f]{32}$/i;

/** The address as Twilio wants it: `whatsapp:+14155238886`, or `whatsapp:US.abc` for a business-scoped user id. */
export const toWhatsappAddress = (address: string): string =>
  address.startsWith(PREFIX) ? address : PREFIX + address;

/** The address as it is stored: a phone number without prefix; a business-scoped user id has it. */
export function fromWhatsappAddress(address: string): string {
  const whole = toWhatsappAddress(address);
  return whole.startsWith(`${PREFIX}+`) ? whole.slice(PREFIX.length) : whole;
}

/** The sender as Twilio wants it: a WhatsApp address, or the SID of a messaging service as it is. */
export const toSender = (from: string): string =>
  MESSAGING_SERVICE_SID.test(from) ? from : toWhatsappAddress(from);

/** The messaging service that chooses the sender: Twilio takes it in `From` too. */
export const messagingServiceOf = ({
  MessagingServiceSid,
  From,
}: TwilioParameters): string | undefined =>
  [MessagingServiceSid, From].find(
    (sid): sid is string => typeof sid === 'string' && MESSAGING_SERVICE_SID.test(sid),
  );
