import { isPossiblePhoneNumber } from 'libphonenumber-js/min';

const E164 = /^\+[1-9]\d{6,14}$/;
/** WhatsApp's business-scoped user ids: a country, then letters and digits (`whatsapp:US.abc`). */
const BUSINESS_SCOPED_USER_ID = /^whatsapp:[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}$/;

/**
 * Whether WhatsApp could know the address: E.164 without spaces and of a length that its country has, or a
 * business-scoped user id.
 *
 * Lengths only: tables of assigned ranges go stale, and a number that is refused here is never tried.
 */
export const isWhatsappAddress = (address: string): boolean =>
  E164.test(address) ? isPossiblePhoneNumber(address) : BUSINESS_SCOPED_USER_ID.test(address);
