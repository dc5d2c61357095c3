import type { DeliveryStatus } from '../events/delivery-event.js';

/** What each of Twilio's statuses of an outgoing message says. `sent` means that Twilio has accepted it. */
const EVENT_TYPES: Readonly<Record<string, DeliveryStatus>> = {
  accepted: 'sent',
  scheduled: 'sent',
  queued: 'sent',
  sending: 'sent',
  sent: 'sent',
  delivered: 'delivered',
  partially_delivered: 'delivered',
  read: 'seen',
  failed: 'discarded',
  undelivered: 'discarded',
  canceled: 'discarded',
};

/** What a status of Twilio's means to us; undefined for one that this version does not know. */
export const eventTypeOf = (status: string): DeliveryStatus | undefined =>
  Object.hasOwn(EVENT_TYPES, status) ? EVENT_TYPES[status] : undefined;
