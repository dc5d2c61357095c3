import { createRequire } from 'node:module';
import type * as LibPhoneNumber from 'libphonenumber-js/min';

// As CommonJS most of it is there already: class-validator has loaded it. As a module all of it would be loaded again.
const { getCountries, getCountryCallingCode, isPossiblePhoneNumber } = createRequire(
  import.meta.url,
)('libphonenumber-js/min') as typeof LibPhoneNumber;

const E164 = /^\+[1-9]\d{6,14}$/;
/** WhatsApp's business-scoped user ids: a country, then letters and digits (`whatsapp:US.abc`). */
const BUSINESS_SCOPED_USER_ID = /^whatsapp:[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}$/;

/** Calling codes that belong to no country. */
const GLOBAL_CALLING_CODES = ['800', '808', '870', '878', '881', '882', '883', '888', '979'];
const CALLING_CODES = new Set<string>([
  ...getCountries().map((country) => getCountryCallingCode(country)),
  ...GLOBAL_CALLING_CODES,
]);

/** Whether the text has the form of an address: E.164 without spaces, or a business-scoped user id. */
export const hasAddressForm = (address: string): boolean =>
  E164.test(address) || BUSINESS_SCOPED_USER_ID.test(address);

/**
 * Whether WhatsApp could know the address: it has the form of one, and a phone number has a calling code.
 *
 * No more than that: WhatsApp knows older accounts by numbers that their country has replaced since, such as Mexico's
 * with a 1 and Benin's with eight digits, and a number that is refused here is never tried.
 */
export const isWhatsappAddress = (address: string): boolean =>
  hasAddressForm(address) && (!address.startsWith('+') || hasCallingCode(address));

/**
 * Whether the address stands as it is in Twilio's records. A number that its country has replaced since may be recorded
 * in its present form.
 */
export const isPresentForm = (address: string): boolean =>
  !address.startsWith('+') || isPossiblePhoneNumber(address);

const hasCallingCode = (number: string): boolean =>
  [1, 2, 3].some((digits) => CALLING_CODES.has(number.slice(1, 1 + digits)));
