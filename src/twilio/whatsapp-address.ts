const PREFIX = 'whatsapp:';

/** The address as Twilio wants it: `whatsapp:+14155238886`, or `whatsapp:US.abc` for a business-scoped user id. */
export const toWhatsappAddress = (address: string): string =>
  address.startsWith(PREFIX) ? address : PREFIX + address;

/** The address as people write it: a phone number without prefix; a business-scoped user id keeps it. */
export const fromWhatsappAddress = (address: string): string =>
  address.startsWith(`${PREFIX}+`) ? address.slice(PREFIX.length) : address;
