import { AttemptEntity } from './delivery/attempt.entity.js';
import { MessageEntity } from './delivery/message.entity.js';
import { NotificationEntity } from './delivery/notification.entity.js';
import { PaceEntity } from './delivery/pace.entity.js';
import { DeliveryEventEntity } from './events/delivery-event.entity.js';
import { ProviderInstanceEntity } from './providers/provider-instance.entity.js';
import { UserEntity } from './users/user.entity.js';

/** All entities of the module, for the `entities` of a data source that does not load them by itself. */
export const TWILIO_WHATSAPP_ENTITIES = [
  ProviderInstanceEntity,
  UserEntity,
  NotificationEntity,
  MessageEntity,
  PaceEntity,
  AttemptEntity,
  DeliveryEventEntity,
];
