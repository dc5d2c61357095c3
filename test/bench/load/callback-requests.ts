import { getExpectedTwilioSignature } from 'twilio/lib/webhooks/webhooks.js';
import { CredentialsCipher } from '#library/providers/credentials-cipher.js';
import {
  ACCOUNT_SID,
  AUTH_TOKEN,
  ENCRYPTION_KEY,
  messageId,
  messageSid,
  phoneNumber,
  PUBLIC_URL,
  SENDER,
} from '../fixtures.js';
import type { ExchangeSettings } from './exchange.js';

/** Callbacks for messages of the table. */
export interface CallbackLoad extends ExchangeSettings {
  /** The instance whose callback URLs are called; absent for servers with one URL for all. */
  readonly instanceId?: string;
  /** Whether they are for the newest messages, delivered and then read, or for any. */
  readonly order: 'newest' | 'random';
  /** Messages in the table. */
  readonly messages: number;
  /** How many callbacks there were before: none comes twice. */
  readonly offset: number;
  readonly count: number;
}

const STATUSES = ['delivered', 'read'];
// Prime to every number of messages that is used: a step that visits each of them once.
const STRIDE = 7_368_787;

/** The requests as bytes. */
export function callbackRequests(load: CallbackLoad): Buffer[] {
  const cipher = new CredentialsCipher({ encryptionKeys: [ENCRYPTION_KEY] });
  return Array.from({ length: load.count }, (_, position) => {
    const [index, status] = subjectOf(load, load.offset + position);
    const path = pathOf(load, index, cipher);
    const fields = fieldsOf(index, status);
    const body = new URLSearchParams(fields).toString();
    const signature = getExpectedTwilioSignature(AUTH_TOKEN, PUBLIC_URL + path, fields);
    return Buffer.from(
      `POST ${path} HTTP/1.1\r\nHost: notify.example.com\r\nUser-Agent: TwilioProxy/1.1\r\nAccept: */*\r\n` +
        `Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\nX-Twilio-Signature: ${signature}\r\n` +
        `I-Twilio-Idempotency-Token: 00000000-0000-4000-8000-${String(position).padStart(12, '0')}\r\n` +
        `${load.isFresh ? 'Connection: close\r\n' : ''}Content-Length: ${body.length}\r\n\r\n${body}`,
    );
  });
}

function subjectOf({ order, messages }: CallbackLoad, no: number): [index: number, status: string] {
  if (order === 'random')
    return [Number((BigInt(no) * BigInt(STRIDE)) % BigInt(messages)), 'delivered'];
  // Twilio reports what was sent last, in the order in which it was sent.
  const block = Math.floor(no / (2 * BLOCK));
  const within = Math.floor((no % (2 * BLOCK)) / 2);
  const index = messages - (block + 1) * BLOCK + within;
  return [((index % messages) + messages) % messages, STATUSES[no % 2]];
}

const BLOCK = 1000;

function pathOf({ instanceId }: CallbackLoad, index: number, cipher: CredentialsCipher): string {
  if (!instanceId) return '/callbacks';
  const parts = `${instanceId}/${messageId(index)}/1`;
  return `/v3/callbacks/twilio_whatsapp/${parts}/${cipher.mac(parts)}`;
}

const fieldsOf = (index: number, status: string): Record<string, string> => ({
  ChannelPrefix: 'whatsapp',
  ApiVersion: '2010-04-01',
  MessageStatus: status,
  SmsSid: messageSid(index),
  SmsStatus: status,
  ChannelInstallSid: `XE${'0'.repeat(32)}`,
  MessageSid: messageSid(index),
  AccountSid: ACCOUNT_SID,
  From: `whatsapp:${SENDER}`,
  To: `whatsapp:${phoneNumber(index)}`,
  ChannelToAddress: `${phoneNumber(index).slice(0, -4)}XXXX`,
  ...(status === 'read' && { EventType: 'READ' }),
});
