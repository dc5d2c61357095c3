import type { TwilioParameters } from '../twilio/twilio.gateway.js';
import { toSender, toWhatsappAddress } from '../twilio/whatsapp-address.js';
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
 * @param instanceNumber the sender of the provider instance in E.164 form, unless the request names another
 */
export function messageBody(
  { title, message }: NotificationText,
  instanceNumber: string,
  { config, parameters }: Pick<Override, 'config' | 'parameters'>,
): TwilioParameters {
  const body: Record<string, string | readonly string[] | null> = Object.create(null);
  // A template brings its own text, a messaging service its own sender: the instance's number would take its place.
  if (!parameters.ContentSid) body.Body = message || title || null;
  body.From = config.TWILIO_FROM_NUMBER ?? (parameters.MessagingServiceSid ? null : instanceNumber);
  Object.assign(body, parameters);
  if (typeof body.From === 'string') body.From = toSender(body.From);
  if (typeof body.To === 'string') body.To = toWhatsappAddress(body.To);
  return Object.fromEntries(
    Object.entries(body).filter(
      (entry): entry is [string, string | readonly string[]] => entry[1] !== null,
    ),
  );
}
