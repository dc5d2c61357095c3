import { MESSAGE_SID, STATUS, toErrorCode } from '../twilio/outcome.js';
import { signedText, type FormParameters } from '../twilio/signature.js';
import { redact } from './redaction.js';
import type { ReportedStatus } from './reported-status.js';

/**
 * The fields that decide what a callback says, and how each looks in the text that is signed. `SmsSid` and `SmsStatus`,
 * the older twins, decide nothing, and may differ; where one of them has become part of a value, something was cut.
 */
const DECISIVE: readonly (readonly [name: string, signed: RegExp])[] = [
  ['AccountSid', /AccountSidAC/g],
  ['ErrorCode', /ErrorCode\d/g],
  ['MessageSid', /MessageSid[SM]M/g],
  ['MessageStatus', /MessageStatus[a-z]/g],
  ['SmsSid', /SmsSid[SM]M/g],
  ['SmsStatus', /SmsStatus[a-z]/g],
];

/** How the names of all of them end. */
const MAY_DECIDE = /(?:Sid|Code|Status)$/;

/**
 * Reads a status callback by its `MessageSid` and `MessageStatus`. `EventType` is not looked at: it has been seen as READ
 * on a message that failed.
 *
 * @returns undefined for anything that is not a status of a message, such as an incoming message
 */
export function readStatusCallback(parameters: FormParameters): ReportedStatus | undefined {
  const fields = new Map(parameters);
  const sid = fields.get('MessageSid') ?? '';
  const providerStatus = fields.get('MessageStatus') ?? '';
  if (!MESSAGE_SID.test(sid) || !STATUS.test(providerStatus)) return undefined;
  return {
    source: 'callback',
    accountSid: fields.get('AccountSid') ?? '',
    sid,
    providerStatus,
    errorCode: toErrorCode(fields.get('ErrorCode')),
    errorMessage: fields.get('ErrorMessage') || fields.get('ChannelStatusMessage'),
    raw: JSON.stringify(redact(parameters)),
  };
}

/**
 * Whether a signed form may be another one in disguise. Twilio signs names and values without a mark between them, so
 * a signature that was seen once also fits forms in which they are cut elsewhere. What decides must stand in the signed
 * text exactly as often as it is a field, once at most, and have nothing behind it.
 */
export function isDisguised(parameters: FormParameters, text = signedText(parameters)): boolean {
  const fields = new Map(parameters);
  const decisive = parameters.filter(([name]) => MAY_DECIDE.test(name));
  return (
    /^\d+\D/.test(fields.get('ErrorCode') ?? '') ||
    DECISIVE.some(
      ([name, signed]) =>
        decisive.filter(([other]) => other === name).length > 1 ||
        (text.match(signed) ?? []).length !==
          decisive.filter((field) => isSignedAs(field, name, signed)).length,
    )
  );
}

/** Also by a field such as `SmsMessageSid`, as long as its name is all letters and begins with a capital. */
const isSignedAs = ([name, value]: FormParameters[number], decisive: string, signed: RegExp) =>
  name.endsWith(decisive) &&
  /^[A-Z][A-Za-z]*$/.test(name) &&
  (decisive + value).search(signed) === 0;
