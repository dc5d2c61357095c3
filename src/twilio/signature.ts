import { createHmac, timingSafeEqual } from 'node:crypto';

/** The parameters of a form body in the order they came; a name may occur more than once. */
export type FormParameters = readonly (readonly [name: string, value: string])[];

/** A secret that Twilio may sign with, and the algorithm that it signs with then. */
export interface SigningKey {
  readonly secret: string;
  readonly algorithm: keyof typeof DIGEST_BYTES;
}

const DIGEST_BYTES = { sha1: 20, sha256: 32 } as const;
const SIGNATURE = /^(?:[A-Za-z0-9+/]{27}|[A-Za-z0-9+/]{43})=$/;
const MIN_SECRET_LENGTH = 16;

/** Twilio signs with an auth token unless a Webhook Rule says otherwise. */
export const tokenKey = (authToken: string): SigningKey => ({
  secret: authToken,
  algorithm: 'sha1',
});

/**
 * A SharedKey that a Webhook Setting names, for HMAC_SHA256. The header `X-Twilio-Webhooks-Signature-Settings` says so
 * too, but whoever forges a request writes its headers.
 *
 * @see https://www.twilio.com/docs/usage/webhooks/webhook-shared-keys
 */
export const sharedKey = (secret: string): SigningKey => ({ secret, algorithm: 'sha256' });

/** Whether a text looks like a signature: 20 or 32 bytes in base64. */
export const isSignature = (text: string): boolean => SIGNATURE.test(text);

/** Reads a form body flat: no nesting, no limit of equal names, nothing dropped. */
export const parseForm = (body: string): [string, string][] => [...new URLSearchParams(body)];

/**
 * Twilio's signature of a form request: base64 of HMAC-SHA1 over the URL and, sorted by name, each name and value.
 *
 * @see https://www.twilio.com/docs/usage/security
 */
export function signForm(authToken: string, url: string, parameters: FormParameters): string {
  return hmac(tokenKey(authToken), url + signedText(parameters)).toString('base64');
}

/**
 * Whether one of the tokens signed the request for one of the spellings of its URL. An empty token, or one shorter
 * than sixteen characters, never verifies.
 */
export function verifyForm(
  authTokens: readonly string[],
  signature: string,
  url: string,
  parameters: FormParameters,
): boolean {
  return verifyText(authTokens.map(tokenKey), signature, url, signedText(parameters));
}

/** The same for keys of any algorithm, where the text behind the URL is there already: see {@link signedText}. */
export function verifyText(
  keys: readonly SigningKey[],
  signature: string,
  url: string,
  text: string,
): boolean {
  if (!isSignature(signature)) return false;
  const given = Buffer.from(signature, 'base64');
  return keys
    .filter(({ secret }) => secret.length >= MIN_SECRET_LENGTH)
    .filter(({ algorithm }) => DIGEST_BYTES[algorithm] === given.length)
    .some((key) =>
      portSpellings(url).some((spelling) => timingSafeEqual(hmac(key, spelling + text), given)),
    );
}

/** Twilio signs some callbacks with the default port written out, others without it. */
function portSpellings(url: string): string[] {
  const match = /^(https?):\/\/([^/:]+)(:\d+)?(\/.*)?$/.exec(url);
  if (!match) return [url];
  const [, scheme, host, port, path = ''] = match;
  const standard = scheme === 'https' ? ':443' : ':80';
  if (port && port !== standard) return [url];
  return [`${scheme}://${host}${path}`, `${scheme}://${host}${standard}${path}`];
}

/**
 * What Twilio signs of a form, behind its URL: names sorted by code unit, each followed by its value; equal names keep
 * each distinct value once, sorted.
 */
export function signedText(parameters: FormParameters): string {
  const values = new Map<string, Set<string>>();
  for (const [name, value] of parameters) {
    const known = values.get(name);
    if (known) known.add(value);
    else values.set(name, new Set([value]));
  }
  let text = '';
  for (const name of [...values.keys()].toSorted()) {
    for (const value of [...values.get(name)!].toSorted()) text += name + value;
  }
  return text;
}

const hmac = ({ secret, algorithm }: SigningKey, text: string): Buffer =>
  createHmac(algorithm, secret).update(text, 'utf8').digest();
