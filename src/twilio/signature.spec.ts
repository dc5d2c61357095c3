import fc from 'fast-check';
import { createHmac } from 'node:crypto';
import { getExpectedTwilioSignature, validateRequest } from 'twilio/lib/webhooks/webhooks.js';
import {
  parseForm,
  sharedKey,
  signForm,
  signedText,
  tokenKey,
  verifyForm,
  verifyText,
} from './signature.js';

const TOKEN = 'not-a-real-auth-token';
const CALLBACK_URL = 'https://notify.example.com/v3/callbacks/twilio_whatsapp/1/2/3/4';
const form = parseForm('MessageSid=SM1&MessageStatus=read&Body=a+b%20c&Empty=');

describe('verifyForm', () => {
  it('agrees with Twilio’s own code on any flat form', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 12 });
    fc.assert(
      fc.property(fc.dictionary(text, text), (fields) => {
        const parameters = Object.entries(fields);
        const signature = getExpectedTwilioSignature(TOKEN, CALLBACK_URL, fields);
        expect(signForm(TOKEN, CALLBACK_URL, parameters)).toBe(signature);
        expect(verifyForm([TOKEN], signature, CALLBACK_URL, parameters)).toBe(true);
        expect(validateRequest(TOKEN, signature, CALLBACK_URL, fields)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('reads repeated names as Twilio does', () => {
    const repeated = parseForm('A=2&A=1&A=2');
    const signature = getExpectedTwilioSignature(TOKEN, CALLBACK_URL, { A: ['2', '1', '2'] });
    expect(verifyForm([TOKEN], signature, CALLBACK_URL, repeated)).toBe(true);
  });

  it('takes the default port written out or not', () => {
    const signature = signForm(TOKEN, CALLBACK_URL.replace('.com/', '.com:443/'), form);
    expect(verifyForm([TOKEN], signature, CALLBACK_URL, form)).toBe(true);
    const odd = CALLBACK_URL.replace('.com/', '.com:8443/');
    expect(verifyForm([TOKEN], signForm(TOKEN, CALLBACK_URL, form), odd, form)).toBe(false);
  });

  it('takes any of several tokens', () => {
    const signature = signForm(TOKEN, CALLBACK_URL, form);
    expect(verifyForm(['another-auth-token-here', TOKEN], signature, CALLBACK_URL, form)).toBe(
      true,
    );
    expect(verifyForm(['another-auth-token-here'], signature, CALLBACK_URL, form)).toBe(false);
  });

  it('never takes an empty or short token', () => {
    for (const token of ['', 'short']) {
      expect(
        verifyForm([token], getExpectedTwilioSignature(token, CALLBACK_URL, {}), CALLBACK_URL, []),
      ).toBe(false);
    }
  });

  it.each([
    ['no signature', ''],
    ['garbage', 'garbage'],
    ['a longer digest', Buffer.alloc(32).toString('base64')],
  ])('refuses %s', (_case, signature) => {
    expect(verifyForm([TOKEN], signature, CALLBACK_URL, form)).toBe(false);
  });

  it('takes shared keys with SHA-256 only, and auth tokens with SHA-1 only', () => {
    const secret = 'not-a-real-shared-key-0001';
    const text = signedText(form);
    const signatureBy = (algorithm: string) =>
      createHmac(algorithm, secret)
        .update(CALLBACK_URL + text)
        .digest('base64');
    for (const [key, algorithm, isValid] of [
      [sharedKey(secret), 'sha256', true],
      [sharedKey(secret), 'sha1', false],
      [tokenKey(secret), 'sha1', true],
      [tokenKey(secret), 'sha256', false],
    ] as const) {
      expect(verifyText([key], signatureBy(algorithm), CALLBACK_URL, text)).toBe(isValid);
    }
    const empty = createHmac('sha256', '')
      .update(CALLBACK_URL + text)
      .digest('base64');
    expect(verifyText([sharedKey('')], empty, CALLBACK_URL, text)).toBe(false);
  });

  it('refuses what was changed after signing', () => {
    const signature = signForm(TOKEN, CALLBACK_URL, form);
    expect(verifyForm([TOKEN], signature, `${CALLBACK_URL}5`, form)).toBe(false);
    expect(verifyForm([TOKEN], signature, CALLBACK_URL, [...form, ['More', '1']])).toBe(false);
    expect(verifyForm([TOKEN], signature, CALLBACK_URL, form.slice(1))).toBe(false);
  });
});
