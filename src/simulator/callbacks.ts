import { createHmac } from 'node:crypto';
import { stringify } from 'node:querystring';
import { setTimeout as delay } from 'node:timers/promises';
import { getExpectedTwilioSignature } from 'twilio/lib/webhooks/webhooks.js';
import type { Agent } from 'undici';
import type { Fate } from './fate.js';
import { shuffled, type Random } from './random.js';
import { messagingServiceOf, type SimulatedMessage } from './simulated-message.js';

/** One callback that was sent, and how it was answered; no status when nobody answered. */
export interface SentCallback {
  readonly sid: string;
  readonly status: string;
  readonly httpStatus?: number;
}

/** A key that signs callbacks in place of the auth token, as a Webhook Rule for all URLs has it. */
export interface SharedKey {
  readonly id: string;
  readonly secret: string;
}

/** Who signs, and over which connections. */
interface Reporter {
  readonly authToken: string;
  readonly sharedKey?: SharedKey;
  readonly agent: Agent;
}

interface Circumstances {
  readonly random: Random;
  readonly delayMs: number;
  readonly signal: AbortSignal;
}

const DEFAULT_STATUSES = ['sent', 'delivered', 'read'];

/** Reports what becomes of a message, signed as Twilio signs. */
export async function report(
  message: SimulatedMessage,
  fate: Fate,
  { random, delayMs, signal, ...reporter }: Reporter & Circumstances,
  onSent: (callback: SentCallback) => void,
): Promise<void> {
  const { statuses = DEFAULT_STATUSES, errorCode, callbacks = {} } = fate;
  const url = message.form.get('StatusCallback');
  const ordered = callbacks.shuffled ? shuffled(statuses, random) : statuses;
  for (const status of ordered) {
    await delay(callbacks.delayMs ?? delayMs, undefined, { signal });
    message.status = status;
    if (isFailure(status)) message.errorCode = errorCode;
    if (!url || callbacks.dropped) continue;
    for (let times = callbacks.times ?? 1; times > 0; times--) {
      const httpStatus = await post(url, fieldsOf(message, status, errorCode), reporter);
      onSent({ sid: message.sid, status, httpStatus });
    }
  }
}

const isFailure = (status: string): boolean => status === 'failed' || status === 'undelivered';

/** The fields that WhatsApp status callbacks carry. */
export function fieldsOf(
  message: SimulatedMessage,
  status: string,
  errorCode?: number,
): Record<string, string> {
  const service = messagingServiceOf(message.form);
  return {
    ChannelPrefix: 'whatsapp',
    ApiVersion: '2010-04-01',
    MessageStatus: status,
    SmsSid: message.sid,
    SmsStatus: status,
    MessageSid: message.sid,
    AccountSid: message.accountSid,
    From: message.from ?? 'whatsapp:+14155238886',
    To: message.to,
    ChannelToAddress: `${message.to.replace('whatsapp:', '').slice(0, -4)}XXXX`,
    ...(service && { MessagingServiceSid: service }),
    ...(status === 'read' && { EventType: 'READ' }),
    ...(isFailure(status) && errorCode && { ErrorCode: String(errorCode), ErrorMessage: '' }),
  };
}

/** The headers that sign a form. */
function signed(
  url: string,
  fields: Record<string, string>,
  { authToken, sharedKey }: Reporter,
): Record<string, string> {
  if (!sharedKey) {
    return { 'X-Twilio-Signature': getExpectedTwilioSignature(authToken, url, fields) };
  }
  const text = Object.keys(fields)
    .toSorted()
    .reduce((signedText, name) => signedText + name + fields[name], url);
  return {
    'X-Twilio-Signature': createHmac('sha256', sharedKey.secret).update(text).digest('base64'),
    'X-Twilio-Webhooks-Signature-Settings': `key=${sharedKey.id},algorithm=HMAC_SHA256`,
  };
}

/** Twilio signs neither the fragment nor user name and password. */
const signedUrl = (url: string): string =>
  url.replace(/#.*/, '').replace(/^(https?:\/\/)[^/]*@/, '$1');

/** Twilio tries once more when no connection can be made, and leaves it at that. */
async function post(
  url: string,
  fields: Record<string, string>,
  reporter: Reporter,
  tries = 2,
): Promise<number | undefined> {
  const { origin, pathname, search } = new URL(url);
  try {
    const { statusCode, body } = await reporter.agent.request({
      origin,
      path: pathname + search,
      method: 'POST',
      headers: {
        'Content-Type': 'application/x-www-form-urlencoded; charset=UTF-8',
        ...signed(signedUrl(url), fields, reporter),
        'User-Agent': 'TwilioProxy/1.1',
      },
      body: stringify(fields),
    });
    await body.dump();
    return statusCode;
  } catch {
    // Twilio reports this in its debugger only; here the missing status says it.
    return tries > 1 && !reporter.agent.destroyed
      ? post(url, fields, reporter, tries - 1)
      : undefined;
  }
}
