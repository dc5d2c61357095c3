import { isPossiblePhoneNumber } from 'libphonenumber-js/min';
import fc from 'fast-check';
import { hasAddressForm, isPresentForm, isWhatsappAddress } from './phone-number.js';

describe('isWhatsappAddress', () => {
  it.each([
    '+919988776655',
    '+447700900100',
    '+14155238886',
    'whatsapp:US.abc123',
    'whatsapp:GB.ENT.abc',
    // Numbers of the world, and of no country.
    '+6834000',
    '+870773111632',
    '+882161234567',
    // Forms of before: Mexico, Benin, Ivory Coast, Argentina, Brazil.
    '+5215512345678',
    '+22997000000',
    '+22501234567',
    '+541112345678',
    '+551188887777',
  ])('takes %s', (address) => expect(isWhatsappAddress(address)).toBe(true));

  it.each([
    '(457)-746-846',
    '919988776655',
    '+91 9988776655',
    '+44',
    '+447700',
    '+0123456789',
    '+999123456789',
    '+210123456789',
    '+44770090010x',
    '+44７７00900100',
    '+447700900100\n',
    '',
    'whatsapp:+447700900100',
    'whatsapp:us.abc',
    'FI.2782093025461119',
    '+1415523888612345',
  ])('refuses %j', (address) => expect(isWhatsappAddress(address)).toBe(false));

  it('takes every number that libphonenumber takes', () => {
    const number = fc
      .tuple(fc.integer({ min: 1, max: 999 }), fc.stringMatching(/^\d{3,14}$/))
      .map(([code, rest]) => `+${code}${rest}`)
      .filter((text) => text.length >= 8 && text.length <= 16);
    fc.assert(
      fc.property(number, (text) => isWhatsappAddress(text) || !isPossiblePhoneNumber(text)),
      { numRuns: 5000 },
    );
  });
});

describe('hasAddressForm', () => {
  it('asks for no calling code', () => {
    expect(hasAddressForm('+999123456789')).toBe(true);
    expect(hasAddressForm('+99912')).toBe(false);
    expect(hasAddressForm('+1415523888612345')).toBe(false);
  });
});

describe('isPresentForm', () => {
  it.each([
    ['+447700900100', true],
    ['whatsapp:US.abc123', true],
    ['+5215512345678', false],
    ['+22997000000', false],
  ])('of %s is %s', (address, isPresent) => {
    expect(isPresentForm(address)).toBe(isPresent);
  });
});
