import fc from 'fast-check';
import { getExpectedTwilioSignature, validateRequest } from 'twilio/lib/webhooks/webhooks.js';
import { verifyForm } from './signature.js';

const RUNS = 3000;
const SEED = Number(process.env.SEED ?? Date.now());

interface SignedForm {
  readonly token: string;
  readonly url: string;
  readonly form: readonly (readonly [string, string])[];
  readonly signature: string;
}

/** The form as Twilio's own code wants it. */
const fieldsOf = (form: SignedForm['form']): Record<string, string | string[]> => {
  const fields: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of form) {
    fields[name] = name in fields ? [fields[name], value].flat() : value;
  }
  return fields;
};

const expectedSignature = ({ token, url, form }: Omit<SignedForm, 'signature'>): string =>
  getExpectedTwilioSignature(token, url, fieldsOf(form));

const ours = ({ token, url, form, signature }: SignedForm): boolean =>
  verifyForm([token], signature, url, form);

const twilios = ({ token, url, form, signature }: SignedForm): boolean =>
  validateRequest(token, signature, url, fieldsOf(form));

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
const word = fc.string({
  unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789-_.~'),
  minLength: 1,
  maxLength: 12,
});
const name = fc.oneof(
  fc.constantFrom('MessageSid', 'MessageStatus', 'SmsStatus', 'ErrorCode', 'ErrorMessage', 'To'),
  fc.constantFrom('Body', 'MediaUrl0', 'A[b]', 'A[b][c]', '__proto__x', 'a', 'Ä', 'toString'),
  fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
    .filter((text) => text !== '__proto__'),
);
const value = fc.oneof(
  fc.constantFrom('', ' ', ' a ', 'sent', 'read', '63016', 'whatsapp:+447700900100', 'a+b%20c&d=e'),
  fc.string({ unit: 'grapheme', maxLength: 24 }),
);
const url = fc
  .record({
    scheme: fc.constantFrom('http', 'https'),
    host: fc.constantFrom('notify.example.com', 'example.org', 'a-b.example.net'),
    port: fc.constantFrom('', '', ':443', ':80', ':8443', ':3000'),
    path: fc.array(word, { maxLength: 6 }),
  })
  .map(({ scheme, host, port, path }) => `${scheme}://${host}${port}/${path.join('/')}`);

const request = fc
  .record({ token: hex(32), url, form: fc.array(fc.tuple(name, value), { maxLength: 20 }) })
  .map((unsigned): SignedForm => ({ ...unsigned, signature: expectedSignature(unsigned) }));

const replaceAt = (text: string, index: number, character: string): string =>
  text.slice(0, index) + character + text.slice(index + 1);

/** Another character than the one that is there. */
const other = (character: string): string => (character === 'a' ? 'b' : 'a');

/** Ways to tamper with a signed request at a place that `at` chooses. */
const MUTATIONS: Record<string, (signed: SignedForm, at: number) => SignedForm> = {
  'another signature': ({ signature, ...rest }, at) => ({
    ...rest,
    signature: replaceAt(signature, at % 26, other(signature[at % 26])),
  }),
  'a shorter signature': ({ signature, ...rest }) => ({ ...rest, signature: signature.slice(4) }),
  'a longer signature': ({ signature, ...rest }) => ({ ...rest, signature: `${signature}AAAA` }),
  'no signature': (signed) => ({ ...signed, signature: '' }),
  'another token': ({ token, ...rest }, at) => ({
    ...rest,
    token: replaceAt(token, at % 32, other(token[at % 32])),
  }),
  'a longer token': ({ token, ...rest }) => ({ ...rest, token: `${token}0` }),
  'another scheme': ({ url: before, ...rest }) => ({
    ...rest,
    url: before.startsWith('https')
      ? before.replace('https', 'http')
      : before.replace('http', 'https'),
  }),
  'another host': ({ url: before, ...rest }) => ({
    ...rest,
    url: before.replace('://', '://evil.'),
  }),
  'another port': ({ url: before, ...rest }) => ({
    ...rest,
    url: before.replace(/^(https?:\/\/[^/:]+)(:\d+)?/, '$1:9999'),
  }),
  'another path': ({ url: before, ...rest }) => ({ ...rest, url: `${before}x` }),
  'a query': ({ url: before, ...rest }) => ({ ...rest, url: `${before}?a=b` }),
  'a character of the URL': ({ url: before, ...rest }, at) => {
    const start = before.indexOf('/', 8);
    const index = start + 1 + (at % Math.max(1, before.length - start - 1));
    return { ...rest, url: replaceAt(before, index, other(before[index] ?? '')) };
  },
  'another value': ({ form, ...rest }, at) => ({
    ...rest,
    form: form.map(([key, text], index) => [key, index === at % form.length ? `${text}x` : text]),
  }),
  'a trimmed value': ({ form, ...rest }) => ({
    ...rest,
    form: form.map(([key, text]) => [key, text.trim()]),
  }),
  'another name': ({ form, ...rest }, at) => ({
    ...rest,
    form: form.map(([key, text], index) => [index === at % form.length ? `X${key}` : key, text]),
  }),
  'one field less': ({ form, ...rest }, at) => ({
    ...rest,
    form: form.filter((_field, index) => index !== at % form.length),
  }),
  'one field more': ({ form, ...rest }) => ({ ...rest, form: [...form, ['Extra', '1']] }),
  'values that are swapped': ({ form, ...rest }, at) => {
    const [a, b] = [at % form.length, (at + 1) % form.length];
    return {
      ...rest,
      form: form.map(([key, text], index) => [
        key,
        index === a ? form[b][1] : index === b ? form[a][1] : text,
      ]),
    };
  },
  'no fields': ({ form: _form, ...rest }) => ({ ...rest, form: [] }),
};

describe(`verifyForm beside Twilio’s own code (seed ${SEED})`, () => {
  it(`accepts ${RUNS} well-formed requests, as Twilio does`, () => {
    fc.assert(
      fc.property(request, (signed) => {
        expect(twilios(signed)).toBe(true);
        expect(ours(signed)).toBe(true);
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });

  it(`refuses ${RUNS} requests that were tampered with`, () => {
    const refused: Record<string, number> = {};
    fc.assert(
      fc.property(
        request,
        fc.constantFrom(...Object.keys(MUTATIONS)),
        fc.nat(),
        (signed, way, at) => {
          const forged = MUTATIONS[way](signed, at);
          // Some leave what is signed as it was, such as to swap two values that are the same.
          fc.pre(
            forged.signature !== signed.signature ||
              spellingsOf(forged.url).every(
                (spelling) => expectedSignature({ ...forged, url: spelling }) !== signed.signature,
              ),
          );
          expect(ours(forged)).toBe(false);
          // Twilio's own code does not look at ports.
          if (way !== 'another port') expect(twilios(forged)).toBe(false);
          refused[way] = (refused[way] ?? 0) + 1;
        },
      ),
      { numRuns: RUNS, seed: SEED, maxSkipsPerRun: 1000 },
    );
    expect(Object.keys(refused).toSorted()).toEqual(Object.keys(MUTATIONS).toSorted());
    expect(Object.values(refused).reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(RUNS);
  });
});

/** The default port may be written out or not. */
const spellingsOf = (address: string): string[] => {
  const bare = address
    .replace(/^(https:\/\/[^/:]+):443/, '$1')
    .replace(/^(http:\/\/[^/:]+):80(?=\/)/, '$1');
  const port = bare.startsWith('https') ? ':443' : ':80';
  return [address, bare, bare.replace(/^(https?:\/\/[^/:]+)(?=\/)/, `$1${port}`)];
};
