import 'reflect-metadata';

export { isWhatsappCallback, WHATSAPP_CALLBACK } from './callbacks/whatsapp-callback.js';
export { useWhatsappBodyParsers } from './http/body-parsers.js';
export { limitRequestTime } from './http/request-time.js';
export { TWILIO_WHATSAPP_ENTITIES } from './twilio-whatsapp.entities.js';
export { TWILIO_WHATSAPP_MIGRATIONS } from './database/migrations/index.js';
export { createMigratedDataSource } from './database/migrations/migrated-data-source.js';
export type { MessageStatus } from './delivery/message-state.js';
export type {
  AttemptView,
  DeliveryEventView,
  MessageDetailView,
  MessageView,
  NotificationView,
} from './delivery/message.view.js';
export {
  DELIVERY_EVENT_TYPES,
  type DeliveryEventType,
  type EvidenceSource,
  type WhatsappDeliveryEvent,
} from './events/delivery-event.js';
export { OnWhatsappEvent } from './events/on-whatsapp-event.decorator.js';
export {
  NotificationContentDto,
  SendNotificationDto,
  SendToDto,
  type InlineRecipient,
  type NotificationOverride,
} from './notifications/dto/send-notification.dto.js';
export type { SendOptions } from './notifications/notifications.service.js';
export type { Page } from './http/page.dto.js';
export type { ProviderInstanceView } from './providers/provider-instance.view.js';
export {
  CONFIGURATION_KEYS,
  PROVIDER_IDENTIFIER,
  type ConfigurationKey,
} from './twilio-whatsapp.constants.js';
export {
  ConflictError,
  DatabaseUnavailableError,
  IdempotencyKeyReusedError,
  InvalidArgumentError,
  InvalidNotificationError,
  MessageStateError,
  NoProviderInstanceError,
  NotFoundError,
  RequestTooLargeError,
  TwilioWhatsappOptionsError,
} from './twilio-whatsapp.errors.js';
export { TwilioWhatsappModule } from './twilio-whatsapp.module.js';
export {
  DeliveryOptions,
  OVERRIDE_SCOPES,
  SpoolOptions,
  type ApiGuardOptions,
  type ApiKeyOptions,
  type OverrideScope,
  type TwilioWhatsappModuleExtras,
  type TwilioWhatsappModuleOptions,
} from './twilio-whatsapp.options.js';
export { RetentionOptions } from './retention/retention.options.js';
export {
  TwilioWhatsappSender,
  type MessagePage,
  type MessageQuery,
  type MessageResolution,
} from './twilio-whatsapp.sender.js';
export type { DirectoryUser, UserDirectory } from './users/user-directory.js';
