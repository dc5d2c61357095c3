import { createHmac, timingSafeEqual } from 'node:crypto';

/** The parameters of a form body in the order they came; a name may occur more than once. */
export type FormParameters = readonly (readonly [name: string, value: string])[];

const SIGNATURE = /^[A-Za-z0-9+/]{27}=$/;
const MIN_TOKEN_LENGTH = 16;

/** Whether a text looks like a signature: 20 bytes in base64. */
export const isSignature = (text: string): boolean => SIGNATURE.test(text);

/** Reads a form body flat: no nesting, no limit of equal names, nothing dropped. */
export const parseForm = (body: string): [string, string][] => [...new URLSearchParams(body)];

/**
 * Twilio's signature of a form request: base64 of HMAC-SHA1 over the URL and, sorted by name, each name and value.
 *
 * @see https://www.twilio.com/docs/usage/security
 */
export function signForm(authToken: string, url: string, parameters: FormParameters): string {
  return hmac(authToken, url + signedText(parameters)).toString('base64');
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
  return verifyText(authTokens, signature, url, signedText(parameters));
}

/** The same, where the text behind the URL is there already: see {@link signedText}. */
export function verifyText(
  authTokens: readonly string[],
  signature: string,
  url: string,
  text: string,
): boolean {
  if (!isSignature(signature)) return false;
  const given = Buffer.from(signature, 'base64');
  return authTokens
    .filter((token) => token.length >= MIN_TOKEN_LENGTH)
    .some((token) =>
      portSpellings(url).some((spelling) => timingSafeEqual(hmac(token, spelling + text), given)),
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

const hmac = (authToken: string, text: string): Buffer =>
  createHmac('sha1', authToken).update(text, 'utf8').digest();
