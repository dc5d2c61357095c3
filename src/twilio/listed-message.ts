import { MESSAGE_SID, STATUS, toErrorCode } from './outcome.js';

/** A message as Twilio lists it. */
export interface ListedMessage {
  readonly sid: string;
  readonly status: string;
  readonly direction: string;
  readonly body: string;
  readonly messagingServiceSid?: string;
  /** Milliseconds since 1970, in whole seconds. */
  readonly createdAt: number;
  readonly errorCode?: number;
  readonly errorMessage?: string;
}

interface MessageResource {
  readonly sid?: unknown;
  readonly status?: unknown;
  readonly direction?: unknown;
  readonly body?: unknown;
  readonly messaging_service_sid?: unknown;
  readonly date_created?: unknown;
  readonly error_code?: unknown;
  readonly error_message?: unknown;
}

/** Reads a message resource; an empty list when it is not what Twilio promises. */
export function listed(resource: unknown): ListedMessage[] {
  const {
    sid,
    status,
    direction,
    body,
    messaging_service_sid: messagingServiceSid,
    date_created,
    error_code,
    error_message,
  } = Object(resource) as MessageResource;
  if (typeof sid !== 'string' || !MESSAGE_SID.test(sid)) return [];
  if (typeof status !== 'string' || !STATUS.test(status)) return [];
  return [
    {
      sid,
      status,
      direction: typeof direction === 'string' ? direction : '',
      body: typeof body === 'string' ? body : '',
      messagingServiceSid:
        typeof messagingServiceSid === 'string' ? messagingServiceSid : undefined,
      createdAt: typeof date_created === 'string' ? Date.parse(date_created) : Number.NaN,
      errorCode: toErrorCode(error_code),
      errorMessage: typeof error_message === 'string' ? error_message : undefined,
    },
  ];
}
