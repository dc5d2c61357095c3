import { isPossiblePhoneNumber } from 'libphonenumber-js/min';
import fc from 'fast-check';
import { isWhatsappAddress } from './phone-number.js';

describe('isWhatsappAddress', () => {
  it.each([
    '+919988776655',
    '+447700900100',
    '+14155238886',
    'whatsapp:US.abc123',
    'whatsapp:GB.ENT.abc',
  ])('takes %s', (address) => expect(isWhatsappAddress(address)).toBe(true));

  it.each([
    '(457)-746-846',
    '919988776655',
    '+91 9988776655',
    '+44',
    '+0123456789',
    '',
    'whatsapp:+447700900100',
    'whatsapp:us.abc',
    '+1415523888612345',
  ])('refuses %j', (address) => expect(isWhatsappAddress(address)).toBe(false));

  it('agrees with libphonenumber on every number', () => {
    const number = fc
      .tuple(fc.integer({ min: 1, max: 999 }), fc.stringMatching(/^\d{3,14}$/))
      .map(([code, rest]) => `+${code}${rest}`)
      .filter((text) => text.length >= 8 && text.length <= 16);
    fc.assert(
      fc.property(number, (text) => isWhatsappAddress(text) === isPossiblePhoneNumber(text)),
      { numRuns: 5000 },
    );
  });
});
