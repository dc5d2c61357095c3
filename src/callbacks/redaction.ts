/** What is shown instead of a value that is not kept. */
const HIDDEN = '••••';

/** Fields that say what happened and to which account, and nothing about a person. Events spell them in lower case. */
const KEPT = new Set([
  'AccountSid',
  'ApiVersion',
  'ChannelInstallSid',
  'ChannelPrefix',
  'DateUpdated',
  'ErrorCode',
  'EventName',
  'EventType',
  'Mcc',
  'MessageSid',
  'MessageStatus',
  'MessagingServiceSid',
  'Mnc',
  'NumberOfSegments',
  'RawDlrDoneDate',
  'SmsSid',
  'SmsStatus',
  'StructuredMessage',
  'Timestamp',
]);
const ADDRESSES = new Set(['ChannelToAddress', 'ExternalUserId', 'From', 'To']);
const EXPLANATIONS = new Set(['ChannelStatusMessage', 'ErrorMessage']);

const MAX_FIELDS = 50;
const MAX_NAME_LENGTH = 64;
const MAX_LENGTH = 300;
const LONG_NUMBER = /\+?\d[\d\s().-]{5,}\d/g;

/**
 * What is kept of the fields of a callback for those who look into it later: statuses, codes and SIDs as they came,
 * addresses masked, Twilio's own explanations without long numbers. Of any other field - the text among them, and
 * whatever Twilio adds tomorrow - only the name.
 */
export const redact = (
  fields: Iterable<readonly [name: string, value: unknown]>,
): Record<string, string> =>
  Object.fromEntries(
    [...fields]
      .slice(0, MAX_FIELDS)
      .map(([name, value]) => [name.slice(0, MAX_NAME_LENGTH), redacted(name, value)]),
  );

function redacted(name: string, value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number') return HIDDEN;
  const text = String(value).slice(0, MAX_LENGTH);
  const known = name.charAt(0).toUpperCase() + name.slice(1);
  if (KEPT.has(known)) return text;
  if (ADDRESSES.has(known)) return maskAddress(text);
  if (EXPLANATIONS.has(known)) return text.replaceAll(LONG_NUMBER, HIDDEN);
  return HIDDEN;
}

/** `whatsapp:+447700900100` as `whatsapp:+44••••00`. */
function maskAddress(address: string): string {
  const [, prefix, rest] = /^(whatsapp:)?(.*)$/s.exec(address)!;
  return `${prefix ?? ''}${rest.slice(0, 3)}${HIDDEN}${rest.length > 7 ? rest.slice(-2) : ''}`;
}
