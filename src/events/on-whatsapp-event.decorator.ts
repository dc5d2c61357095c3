import { SetMetadata } from '@nestjs/common';
import type { DeliveryEventType } from './delivery-event.js';

export const LISTENS_TO = Symbol('TWILIO_WHATSAPP_LISTENS_TO');

/**
 * Calls the method of a provider or controller with every {@link WhatsappDeliveryEvent} of these types, once the
 * event is committed. What the method throws is logged and changes nothing.
 *
 * @example
 * ```ts
 * @OnWhatsappEvent('discarded')
 * async onDiscarded(event: WhatsappDeliveryEvent) {}
 * ```
 */
export const OnWhatsappEvent = (...types: DeliveryEventType[]): MethodDecorator =>
  SetMetadata(LISTENS_TO, types);
