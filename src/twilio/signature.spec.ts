import fc from 'fast-check';
import { getExpectedTwilioSignature, validateRequest } from 'twilio/lib/webhooks/webhooks.js';
import { parseForm, signForm, verifyForm } from './signature.js';

const TOKEN = 'not-a-real-auth-token';
const URL_ = 'https://notify.example.com/v3/callbacks/twilio_whatsapp/1/2/3/4';
const form = parseForm('MessageSid=SM1&MessageStatus=read&Body=a+b%20c&Empty=');

describe('verifyForm', () => {
  it('agrees with Twilio’s own code on any flat form', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 12 });
    fc.assert(
      fc.property(fc.dictionary(text, text), (fields) => {
        const parameters = Object.entries(fields);
        const signature = getExpectedTwilioSignature(TOKEN, URL_, fields);
        expect(signForm(TOKEN, URL_, parameters)).toBe(signature);
        expect(verifyForm([TOKEN], signature, URL_, parameters)).toBe(true);
        expect(validateRequest(TOKEN, signature, URL_, fields)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('reads repeated names as Twilio does', () => {
    const repeated = parseForm('A=2&A=1&A=2');
    const signature = getExpectedTwilioSignature(TOKEN, URL_, { A: ['2', '1', '2'] });
    expect(verifyForm([TOKEN], signature, URL_, repeated)).toBe(true);
  });

  it('takes the default port written out or not', () => {
    const signature = signForm(TOKEN, URL_.replace('.com/', '.com:443/'), form);
    expect(verifyForm([TOKEN], signature, URL_, form)).toBe(true);
    const odd = URL_.replace('.com/', '.com:8443/');
    expect(verifyForm([TOKEN], signForm(TOKEN, URL_, form), odd, form)).toBe(false);
  });

  it('takes any of several tokens', () => {
    const signature = signForm(TOKEN, URL_, form);
    expect(verifyForm(['another-auth-token-here', TOKEN], signature, URL_, form)).toBe(true);
    expect(verifyForm(['another-auth-token-here'], signature, URL_, form)).toBe(false);
  });

  it('never takes an empty or short token', () => {
    for (const token of ['', 'short']) {
      expect(verifyForm([token], getExpectedTwilioSignature(token, URL_, {}), URL_, [])).toBe(
        false,
      );
    }
  });

  it.each([
    ['no signature', ''],
    ['garbage', 'garbage'],
    ['a longer digest', Buffer.alloc(32).toString('base64')],
  ])('refuses %s', (_case, signature) => {
    expect(verifyForm([TOKEN], signature, URL_, form)).toBe(false);
  });

  it('refuses what was changed after signing', () => {
    const signature = signForm(TOKEN, URL_, form);
    expect(verifyForm([TOKEN], signature, `${URL_}5`, form)).toBe(false);
    expect(verifyForm([TOKEN], signature, URL_, [...form, ['More', '1']])).toBe(false);
    expect(verifyForm([TOKEN], signature, URL_, form.slice(1))).toBe(false);
  });
});
