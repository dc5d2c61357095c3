import type { DeliveryEventType, EvidenceSource } from '../events/delivery-event.js';

/** `unknown` means that Twilio may have the message, and nothing has proved so yet. */
export type MessageStatus =
  'queued' | 'sending' | 'unknown' | 'sent' | 'delivered' | 'seen' | 'discarded';

export type AttemptOutcome = 'accepted' | 'notSent' | 'rejected' | 'ambiguous';

/** All of a message that decisions are made from and that they change. Instants are in milliseconds. */
export interface MessageState {
  readonly status: MessageStatus;
  /** Names the start that may speak for the message; one more when its time is over. */
  readonly fence: number;
  readonly attempts: number;
  /** Attempts up to this one have failed for certain, after Twilio had accepted them. */
  readonly failedAttempts: number;
  readonly dueAt: number | null;
  /** From when on it is not sent any more. */
  readonly expiresAt: number;
  /** How often Twilio was asked about it in its present status. */
  readonly checks: number;
  /** To how many of these questions Twilio answered with a complete list that does not show it. */
  readonly notFoundCount: number;
  readonly sid: string | null;
  /** Where the SID was learnt. */
  readonly sidSource: EvidenceSource | null;
  readonly reason: string | null;
  readonly explanation: string | null;
  readonly errorCode: number | null;
  readonly sentAt: number | null;
  readonly deliveredAt: number | null;
  readonly seenAt: number | null;
  readonly discardedAt: number | null;
}

/** What a step writes to the log of attempts. */
export interface AttemptChange {
  readonly no: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly outcome?: AttemptOutcome;
  readonly httpStatus?: number;
  readonly errorCode?: number;
  readonly sid?: string;
  readonly sidSource?: EvidenceSource;
  readonly detail?: string;
}

/** What a step appends to the log of delivery events. */
export interface LoggedEvent {
  readonly type?: DeliveryEventType;
  readonly providerStatus: string;
  readonly sid: string;
  readonly errorCode: number;
  readonly explanation?: string;
  readonly source: EvidenceSource;
  readonly occurredAt: number;
  /** The report as it came in, redacted, in JSON. */
  readonly raw?: string;
}

export interface Step {
  readonly state: MessageState;
  /** Whether the evidence counted; what did not count is logged at most. */
  readonly applied: boolean;
  /** What this step was the first to learn, in order: each is told to listeners once. */
  readonly learnt: readonly DeliveryEventType[];
  readonly attempt?: AttemptChange;
  /** A SID that the message had by a guess and gives up, with what was reported of it. */
  readonly releasedSid?: string;
  readonly event?: LoggedEvent;
}

/** A status never goes down, but by what proves that an attempt was in vain. */
export const RANK: Record<MessageStatus, number> = {
  queued: 0,
  sending: 0,
  unknown: 0,
  sent: 1,
  discarded: 2,
  delivered: 3,
  seen: 4,
};

/** The state of a message that was just accepted. */
export const initialState = (dueAt: number, expiresAt: number): MessageState => ({
  status: 'queued',
  fence: 0,
  attempts: 0,
  failedAttempts: 0,
  dueAt,
  expiresAt,
  checks: 0,
  notFoundCount: 0,
  sid: null,
  sidSource: null,
  reason: null,
  explanation: null,
  errorCode: null,
  sentAt: null,
  deliveredAt: null,
  seenAt: null,
  discardedAt: null,
});
