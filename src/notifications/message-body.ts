import type { TwilioParameters } from '../twilio/twilio.gateway.js';
import { toWhatsappAddress } from '../twilio/whatsapp-address.js';
import type { Override } from './override.js';

/** What a notification says when nothing overrides it. */
export interface NotificationText {
  readonly title?: string;
  readonly message?: string;
}

/**
 * The body parameters that all messages of a notification share, low to high: the sender and the text, then the
 * override. `To` and `StatusCallback` join when each message is sent.
 *
 * @param from the sender in E.164 form
 */
export function messageBody(
  { title, message }: NotificationText,
  from: string,
  { parameters }: Pick<Override, 'parameters'>,
): TwilioParameters {
  const body: Record<string, string | readonly string[] | null> = Object.create(null);
  // A template brings its own text, a messaging service its own sender.
  if (!parameters.ContentSid) body.Body = message || title || null;
  if (!parameters.MessagingServiceSid) body.From = from;
  Object.assign(body, parameters);
  for (const address of ['From', 'To']) {
    if (typeof body[address] === 'string') body[address] = toWhatsappAddress(body[address]);
  }
  return Object.fromEntries(
    Object.entries(body).filter(
      (entry): entry is [string, string | readonly string[]] => entry[1] !== null,
    ),
  );
}
