/**
 * What a delivery event can say: the status that a message has reached, or that what was said of it before came from
 * another message's SID and does not count (`corrected`).
 */
export const DELIVERY_EVENT_TYPES = [
  'sent',
  'delivered',
  'seen',
  'discarded',
  'corrected',
] as const;
export type DeliveryEventType = (typeof DELIVERY_EVENT_TYPES)[number];

/** A delivery event that is a status of the message. */
export type DeliveryStatus = Exclude<DeliveryEventType, 'corrected'>;

/** Where it was learnt: Twilio's answer, its callback, its message list, an operator, or the engine itself. */
export type EvidenceSource = 'response' | 'callback' | 'stream' | 'poll' | 'operator' | 'engine';

/**
 * Whether a SID from this source is certainly that of its message: Twilio gave it in its answer to the POST, or with the
 * callback URL that only this attempt had. A message list and an operator can be wrong.
 */
export const isProof = (source: EvidenceSource | null): boolean =>
  source === 'response' || source === 'callback' || source === 'stream';

/** What listeners receive: the message as it is now, and what was just learnt about it. */
export interface WhatsappDeliveryEvent {
  readonly type: DeliveryEventType;
  /** The message's UUID. */
  readonly messageId: string;
  readonly requestId: string;
  /** The user's identifier. */
  readonly recipient: string;
  /** The provider instance's id. */
  readonly instance: string;
  /** E.164, or a business-scoped user id. */
  readonly to?: string;
  readonly from?: string;
  /** Twilio's SID, once Twilio has accepted the message. */
  readonly sid?: string;
  /** Of `discarded` and `corrected`: a stable code such as `window_closed`. */
  readonly reason?: string;
  /** Of `discarded` and `corrected`: a sentence that says why. */
  readonly explanation?: string;
  /** Of `discarded`: Twilio's error code, when it gave one. */
  readonly errorCode?: number;
  readonly occurredAt: Date;
  /** The `data` of the notification. */
  readonly data?: Record<string, unknown>;
}
