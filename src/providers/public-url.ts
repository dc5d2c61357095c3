import { ValidateBy, type ValidationOptions } from 'class-validator';
import { BlockList, isIP } from 'node:net';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';

/** The part of the options that says who calls whom. */
export type CallbackOptions = Pick<TwilioWhatsappOptions, 'publicUrl' | 'twilioApiUrl'>;

const HTTP_URL = /^https?:\/\/[^\s?#]+$/;
const USER_INFO = /^(https?:\/\/)[^/]*@/;
/** What authenticates: the password, or a user name that stands alone. */
const SECRET = /^(https?:\/\/(?:[^/:@]*:)?)[^/]*@/;
const TWILIO_HOST = /(^|\.)twilio\.com$/;
/** Names that no public name server knows. */
const PRIVATE_NAME = /^[^.]+$|\.(localhost|local|internal|test|example|invalid|home\.arpa)$/;

const PRIVATE_ADDRESSES = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  PRIVATE_ADDRESSES.addSubnet(network, prefix, 'ipv4');
}
for (const [network, prefix] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
  ['2001:db8::', 32],
] as const) {
  PRIVATE_ADDRESSES.addSubnet(network, prefix, 'ipv6');
}

/** Accepts http(s) URLs without query and fragment. The message never shows the value. */
export const IsPublicUrl = (options?: ValidationOptions): PropertyDecorator =>
  ValidateBy(
    {
      name: 'isPublicUrl',
      validator: {
        validate: isPublicUrl,
        defaultMessage: () =>
          '$property must be an http(s) URL without query, such as https://notify.example.com',
      },
    },
    options,
  );

const isPublicUrl = (value: unknown): value is string =>
  typeof value === 'string' && HTTP_URL.test(value) && URL.canParse(value);

/** A URL as Twilio signs it: without user name and password. */
export const withoutUserInfo = (url: string): string => url.replace(USER_INFO, '$1');

/** A URL as it may be shown: without the password, or the user name that stands alone. */
export const withoutPassword = (url: string): string => url.replace(SECRET, '$1••••@');

/**
 * Whether Twilio can call the public URL. A simulator runs wherever the application does; Twilio itself reaches public
 * addresses alone, and refuses to send a message that names another.
 */
export function canTwilioCall({ publicUrl, twilioApiUrl }: CallbackOptions): boolean {
  return !isTwilio(twilioApiUrl) || isPublicHost(hostOf(publicUrl));
}

/** What keeps Twilio from taking a public URL at all, as a sentence that begins with the setting's name. */
export function publicUrlProblem(
  name: string,
  { publicUrl, twilioApiUrl }: CallbackOptions,
): string | undefined {
  if (!isPublicUrl(publicUrl) || !hostOf(publicUrl).includes('_')) return undefined;
  if (!isTwilio(twilioApiUrl)) return undefined;
  return `${name} has an underscore in its host name, and Twilio refuses such URLs (21609): use a name of letters, digits and hyphens`;
}

/** What is to be said of a public URL that works, but badly; undefined when it is fine. */
export function publicUrlWarning(options: CallbackOptions): string | undefined {
  const shown = withoutUserInfo(options.publicUrl);
  if (!canTwilioCall(options)) {
    return `Twilio cannot reach publicUrl, ${shown}. Messages go out without a StatusCallback, and Twilio is asked about each after a minute. For callbacks, open a tunnel to this application (ngrok, cloudflared) and set publicUrl, or PUBLIC_URL, to its https address.`;
  }
  if (!isTwilio(options.twilioApiUrl) || shown.startsWith('https:')) return undefined;
  return `publicUrl, ${shown}, is not encrypted: phone numbers and statuses travel in the open between Twilio and this application. Set publicUrl, or PUBLIC_URL, to an https address.`;
}

const isTwilio = (twilioApiUrl: string | undefined): boolean =>
  twilioApiUrl === undefined ||
  (URL.canParse(twilioApiUrl) && TWILIO_HOST.test(hostOf(twilioApiUrl)));

/** In lower case, with IPv4 addresses in dotted form, and without the brackets of IPv6 and the dot of the root. */
const hostOf = (url: string): string =>
  new URL(url).hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');

function isPublicHost(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return !PRIVATE_NAME.test(host);
  return !PRIVATE_ADDRESSES.check(host, family === 4 ? 'ipv4' : 'ipv6');
}
