import { createRequire } from 'node:module';
import type * as LibPhoneNumber from 'libphonenumber-js/min';

// As CommonJS most of it is there already: class-validator has loaded it. As a module all of it would be loaded again.
const { getCountries, getCountryCallingCode, isPossiblePhoneNumber, Metadata } = createRequire(
  import.meta.url,
)('libphonenumber-js/min') as typeof LibPhoneNumber;

const E164 = /^\+[1-9]\d{6,14}$/;
/** WhatsApp's business-scoped user ids: a country, then letters and digits (`whatsapp:US.abc`). */
const BUSINESS_SCOPED_USER_ID = /^whatsapp:[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}$/;
const LONGEST_CALLING_CODE = 3;

/**
 * Whether WhatsApp could know the address: E.164 without spaces and of a length that its country has, or a
 * business-scoped user id.
 *
 * Lengths only: tables of assigned ranges go stale, and a number that is refused here is never tried.
 */
export const isWhatsappAddress = (address: string): boolean =>
  E164.test(address)
    ? hasUsualLength(address) || isPossiblePhoneNumber(address)
    : BUSINESS_SCOPED_USER_ID.test(address);

/** Whether every country with the number's calling code has numbers of that length: told without taking it apart. */
function hasUsualLength(number: string): boolean {
  for (let digits = 1; digits <= LONGEST_CALLING_CODE; digits++) {
    const lengths = USUAL_LENGTHS.get(number.slice(1, 1 + digits));
    if (lengths) return lengths.has(number.length - 1 - digits);
  }
  return false;
}

const USUAL_LENGTHS = usualLengths();

/** By calling code, the lengths of national numbers that all its countries have. */
function usualLengths(): Map<string, Set<number>> {
  const metadata = new Metadata();
  const common = new Map<string, Set<number>>();
  for (const country of getCountries()) {
    metadata.selectNumberingPlan(country);
    const lengths = metadata.numberingPlan?.possibleLengths() ?? [];
    const code = getCountryCallingCode(country);
    const known = common.get(code);
    common.set(code, new Set(known ? lengths.filter((length) => known.has(length)) : lengths));
  }
  return common;
}
