import { CHANNEL, PROVIDER_IDENTIFIER } from '../twilio-whatsapp.constants.js';
import { InvalidNotificationError } from '../twilio-whatsapp.errors.js';
import type { OverrideScope } from '../twilio-whatsapp.options.js';
import { instantOf } from '../validation/instant.js';
import { bytesOf, MAX_TEXT_BYTES, toStorableJson } from '../validation/json.js';
import { suggestionFor, unknownField } from '../validation/suggestion.js';
import { validate } from '../validation/validate.js';
import { MAX_TEXT, SendNotificationDto } from './dto/send-notification.dto.js';
import { parseOverride, type Override } from './override.js';
import { readRecipients, type Recipient } from './recipients.js';

/** Keys of `override` that are looked at for mistakes: there may be a million. */
const MAX_KEYS = 50;
const OVERRIDE_KEYS: readonly string[] = ['channels', PROVIDER_IDENTIFIER];

/** A notification that was checked and can be accepted. */
export interface NotificationRequest {
  readonly text: { readonly title: string; readonly message?: string };
  readonly recipients: readonly Recipient[];
  readonly override: Override;
  /** JSON of the caller's `data`. */
  readonly data?: string;
  /** Milliseconds since 1970. */
  readonly sendAt?: number;
}

/** @throws InvalidNotificationError when the notification is no object, or holds what no database keeps */
export function assertStorable(input: unknown): void {
  if (!isObject(input)) throw new InvalidNotificationError(['the body must be a JSON object']);
  const { problem } = toStorableJson(input);
  if (problem) throw new InvalidNotificationError([problem]);
}

/**
 * Checks a notification and takes it apart.
 *
 * @param input what {@link assertStorable} lets pass
 * @param allowed what callers may override
 * @throws InvalidNotificationError that names every field that is wrong
 */
export function parseNotification(
  input: unknown,
  allowed: readonly OverrideScope[],
): NotificationRequest {
  const body = input as Partial<SendNotificationDto>;
  const problems = isPlain(body) ? [] : validate(SendNotificationDto, envelopeOf(body)).problems;
  const { recipients, problems: recipientProblems } = readRecipients(
    body.sendTo?.recipients,
    body.recipients,
  );
  const provider = Object(body.override)[PROVIDER_IDENTIFIER] as unknown;
  const { override, problems: overrideProblems } = parseOverride(provider, allowed);
  // Entries of other providers are left alone, unless they look like ours misspelt.
  const misspelt = Object.keys(Object(body.override) as object)
    .slice(0, MAX_KEYS)
    .filter((key) => !OVERRIDE_KEYS.includes(key) && suggestionFor(key, OVERRIDE_KEYS));
  problems.push(...misspelt.map((key) => unknownField('override.', key, OVERRIDE_KEYS)));
  const channels: unknown = body.override?.channels;
  if (channels !== undefined && !isTextList(channels)) {
    problems.push('override.channels must be a list of channel names');
  }
  const data = body.data ? JSON.stringify(body.data) : undefined;
  if (data && bytesOf(data) > MAX_TEXT_BYTES) {
    problems.push(`data must not be longer than ${MAX_TEXT_BYTES} bytes of JSON`);
  }
  problems.push(...recipientProblems, ...overrideProblems);
  if (problems.length > 0) throw new InvalidNotificationError(problems);

  const { title, message } = body.notification!;
  return {
    text: { title, message },
    recipients: isTextList(channels) && !channels.includes(CHANNEL) ? [] : recipients,
    override,
    data,
    // null counts as absent, as it does for the validator.
    sendAt: instantOf(body.sendAt),
  };
}

/** Whether there is nothing in it but texts of a fit length and their recipients: decorators would find it right. */
export function isPlain(body: Partial<SendNotificationDto>): boolean {
  const { notification, sendTo = {}, data = {}, override = {}, sendAt } = body;
  if (![notification, sendTo, data, override].every(isObject)) return false;
  const { title, message = '' } = notification!;
  return (
    hasOnly(body, ['notification', 'sendTo', 'recipients', 'data', 'override', 'sendAt']) &&
    hasOnly(sendTo, ['recipients']) &&
    hasOnly(notification!, ['title', 'message']) &&
    [title, message].every((text) => typeof text === 'string' && text.length <= MAX_TEXT) &&
    title !== '' &&
    (sendAt === undefined || instantOf(sendAt) !== undefined)
  );
}

const hasOnly = (value: object, keys: readonly string[]): boolean =>
  Object.keys(value).every((key) => keys.includes(key));

/** All but what may be huge or holds keys of others: decorators check the rest. */
function envelopeOf({
  sendTo,
  recipients: _checkedApart,
  data,
  override,
  ...rest
}: Partial<SendNotificationDto>): object {
  const { recipients: _alsoApart, ...to } = Object(sendTo) as Record<string, unknown>;
  return {
    ...rest,
    ...(sendTo !== undefined && { sendTo: isObject(sendTo) ? to : sendTo }),
    ...(data !== undefined && { data: isObject(data) ? {} : data }),
    ...(override !== undefined && { override: isObject(override) ? {} : override }),
  };
}

const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isTextList = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');
