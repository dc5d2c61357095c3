import { inspect } from 'node:util';
import { ACCOUNT_SID, OTHER_ACCOUNT_SID } from './application.js';

/** Obviously no tokens, with characters that look different in every encoding. */
export const CANARY_TOKEN = 'canary/token+not=real&0001';
export const OTHER_CANARY_TOKEN = 'Canary/token+not=real&0002';
export const CANARY_BODY = 'Canary body: “secret” & 100 % + private/ÄÖÜ';

const encodings = (text: string): string[] => [
  text,
  Buffer.from(text).toString('base64').replace(/=+$/, ''),
  Buffer.from(text).toString('base64url'),
  Buffer.from(text).toString('hex'),
  encodeURIComponent(text),
  new URLSearchParams({ x: text }).toString().slice(2),
  JSON.stringify(text).slice(1, -1),
];

/** All that would give a token away. */
export const SECRET_FORMS = [
  ...new Set(
    [CANARY_TOKEN, OTHER_CANARY_TOKEN].flatMap((token) => [
      ...encodings(token),
      ...[ACCOUNT_SID, OTHER_ACCOUNT_SID].flatMap((sid) => encodings(`${sid}:${token}`)),
    ]),
  ),
];

/** All that would give the text away. */
export const BODY_FORMS = [...new Set(encodings(CANARY_BODY))];

/** A value as careless code would write it down. */
export const written = (value: unknown): string =>
  [inspect(value, { depth: 20, maxStringLength: null, showHidden: true }), asJson(value)].join(
    '\n',
  );

function asJson(value: unknown): string {
  const seen = new WeakSet();
  return (
    JSON.stringify(value, (_key, inner: unknown) => {
      if (typeof inner !== 'object' || inner === null) return inner;
      if (seen.has(inner)) return undefined;
      seen.add(inner);
      return inner;
    }) ?? ''
  );
}
