import { randomBytes } from 'node:crypto';

/** A message that the simulated Twilio has accepted: the truth, for assertions. */
export interface SimulatedMessage {
  readonly sid: string;
  readonly accountSid: string;
  /** As it came: `whatsapp:+447700900100`. */
  readonly to: string;
  readonly from?: string;
  /** The whole form of the POST. */
  readonly form: URLSearchParams;
  readonly createdAt: Date;
  status: string;
  errorCode?: number;
}

const MESSAGING_SERVICE_SID = /^MG[0-9a-f]{32}$/i;

/** The messaging service of a POST: Twilio takes it in `From` too. */
export const messagingServiceOf = (form: URLSearchParams): string | null =>
  form.get('MessagingServiceSid') ??
  (MESSAGING_SERVICE_SID.test(form.get('From') ?? '') ? form.get('From') : null);

export function acceptMessage(accountSid: string, form: URLSearchParams): SimulatedMessage {
  const isMedia = form.has('MediaUrl');
  const service = messagingServiceOf(form);
  const from = form.get('From');
  return {
    sid: `${isMedia ? 'MM' : 'SM'}${randomBytes(16).toString('hex')}`,
    accountSid,
    to: form.get('To')!,
    from: from === null || from === service ? undefined : from,
    form,
    createdAt: new Date(),
    status: service ? 'accepted' : 'queued',
  };
}

/** The message in the shape of Twilio's API. */
export const messageResource = (message: SimulatedMessage): object => ({
  account_sid: message.accountSid,
  api_version: '2010-04-01',
  // Twilio lists messages that were made from a template without their text.
  body: message.form.has('ContentSid') ? '' : message.form.get('Body'),
  date_created: message.createdAt.toUTCString(),
  date_sent: message.status === 'queued' ? null : message.createdAt.toUTCString(),
  date_updated: message.createdAt.toUTCString(),
  direction: 'outbound-api',
  error_code: message.errorCode ?? null,
  error_message: null,
  from: message.from ?? null,
  messaging_service_sid: messagingServiceOf(message.form),
  num_media: String(message.form.getAll('MediaUrl').length),
  num_segments: '1',
  price: null,
  price_unit: null,
  sid: message.sid,
  status: message.status,
  subresource_uris: {},
  to: message.to,
  uri: `/2010-04-01/Accounts/${message.accountSid}/Messages/${message.sid}.json`,
});
