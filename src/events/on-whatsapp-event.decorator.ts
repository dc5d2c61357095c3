import { SetMetadata } from '@nestjs/common';
import { DELIVERY_EVENT_TYPES, type DeliveryEventType } from './delivery-event.js';

export const LISTENS_TO = Symbol.for('nestjs-twilio-whatsapp:LISTENS_TO');

/**
 * Calls the method of a provider or controller with every {@link WhatsappDeliveryEvent} of these types (without
 * any: of all types), once the event is committed. What the method throws is logged and changes nothing.
 *
 * @example
 * ```ts
 * @OnWhatsappEvent('discarded')
 * async onDiscarded(event: WhatsappDeliveryEvent) {}
 * ```
 */
export const OnWhatsappEvent = (...types: DeliveryEventType[]): MethodDecorator =>
  SetMetadata(LISTENS_TO, types.length > 0 ? types : DELIVERY_EVENT_TYPES);
