import type { DeliveryEventEntity } from '../events/delivery-event.entity.js';
import type { AttemptEntity } from './attempt.entity.js';
import type { MessageStatus } from './message-state.js';
import type { MessageEntity } from './message.entity.js';
import type { Page } from '../http/page.dto.js';

/** A message as the API shows it; absent values are left out, instants are ISO 8601 in UTC. */
export interface MessageView {
  id: string;
  requestId: string;
  recipient: string;
  instance: string;
  to?: string;
  from?: string;
  status: MessageStatus;
  reason?: string;
  explanation?: string;
  errorCode?: number;
  sid?: string;
  attempts: number;
  createdAt: string;
  dueAt?: string;
  sentAt?: string;
  deliveredAt?: string;
  seenAt?: string;
  discardedAt?: string;
  /** When its content and phone number were erased. */
  redactedAt?: string;
  data?: Record<string, unknown>;
}

export interface DeliveryEventView {
  /** Absent for a status of Twilio's that this version does not know. */
  type?: string;
  providerStatus: string;
  errorCode: number;
  explanation?: string;
  source: string;
  occurredAt: string;
  /** What Twilio sent, redacted. */
  raw?: Record<string, unknown>;
}

export interface AttemptView {
  no: number;
  /** Absent while the request is under way. */
  outcome?: string;
  httpStatus?: number;
  errorCode?: number;
  sid?: string;
  /** Where the SID was learnt. */
  sidSource?: string;
  detail?: string;
  startedAt: string;
  endedAt?: string;
}

/** One message with all that is known of it. */
export interface MessageDetailView extends MessageView {
  events: DeliveryEventView[];
  attemptLog: AttemptView[];
  /** What was, or would now be, POSTed to Twilio. */
  request?: Record<string, string | readonly string[]>;
}

/** A notification with the fates of its messages. */
export interface NotificationView {
  requestId: string;
  createdAt: string;
  counts: Partial<Record<MessageStatus, number>>;
  messages: Page<MessageView>;
}

export function messageView(message: MessageEntity, data: string | null = null): MessageView {
  const { status } = message;
  // Also of what waits: why it could not be sent yet.
  const isExplained = !['sent', 'delivered', 'seen'].includes(status);
  return {
    id: message.id,
    requestId: message.requestId,
    recipient: message.recipient,
    instance: message.instanceId,
    to: message.to ?? undefined,
    from: message.from ?? undefined,
    status,
    ...(isExplained && {
      reason: message.reason ?? undefined,
      explanation: message.explanation ?? undefined,
      errorCode: message.errorCode ?? undefined,
    }),
    sid: message.sid ?? undefined,
    attempts: message.attempts,
    createdAt: iso(message.createdAt),
    dueAt: message.status === 'queued' ? isoOrAbsent(message.dueAt) : undefined,
    sentAt: isoOrAbsent(message.sentAt),
    deliveredAt: isoOrAbsent(message.deliveredAt),
    seenAt: isoOrAbsent(message.seenAt),
    discardedAt: isoOrAbsent(message.discardedAt),
    redactedAt: isoOrAbsent(message.redactedAt),
    // The notification keeps its own for those of its messages that are not finished.
    data:
      data === null || message.redactedAt !== null
        ? undefined
        : (JSON.parse(data) as Record<string, unknown>),
  };
}

export const deliveryEventView = (event: DeliveryEventEntity): DeliveryEventView => ({
  type: event.type ?? undefined,
  providerStatus: event.providerStatus,
  errorCode: event.errorCode,
  explanation: event.explanation ?? undefined,
  source: event.source,
  occurredAt: iso(event.occurredAt),
  raw: event.raw === null ? undefined : (JSON.parse(event.raw) as Record<string, unknown>),
});

export const attemptView = (attempt: AttemptEntity): AttemptView => ({
  no: attempt.no,
  outcome: attempt.outcome ?? undefined,
  httpStatus: attempt.httpStatus ?? undefined,
  errorCode: attempt.errorCode ?? undefined,
  sid: attempt.sid ?? undefined,
  sidSource: attempt.sidSource ?? undefined,
  detail: attempt.detail ?? undefined,
  startedAt: iso(attempt.startedAt),
  endedAt: isoOrAbsent(attempt.endedAt),
});

export const iso = (instant: number): string => new Date(instant).toISOString();

const isoOrAbsent = (instant: number | null): string | undefined =>
  instant === null ? undefined : iso(instant);
