import { Module } from '@nestjs/common';
import { ApiGuard } from './http/api.guard.js';
import { ApiKeyVerifier } from './http/api-key.verifier.js';
import { CallbackInbox } from './callbacks/callback-inbox.js';
import { CallbackRecorder } from './callbacks/callback-recorder.js';
import { CallbackReplay } from './callbacks/callback-replay.js';
import { CallbackSpool } from './callbacks/callback-spool.js';
import { CallbackVerifier } from './callbacks/callback-verifier.js';
import { SpoolAdmission } from './callbacks/spool-admission.js';
import { SpooledFileReplay } from './callbacks/spooled-file-replay.js';
import { DatabaseClock } from './database/database-clock.js';
import { Database } from './database/database.js';
import { Acceptance } from './delivery/acceptance.js';
import { DeliveryAnnouncer } from './delivery/announcer.js';
import { CredentialsBreaker } from './delivery/breaker.js';
import { Claims } from './delivery/claims.js';
import { Courier } from './delivery/courier.js';
import { Dispatcher } from './delivery/dispatcher.js';
import { InFlight } from './delivery/in-flight.js';
import { MessageLedger } from './delivery/ledger.js';
import { OpenQueues } from './delivery/open-queues.js';
import { ListLookup } from './delivery/list-lookup.js';
import { MessageCommands } from './delivery/message-commands.js';
import { MessageLog } from './delivery/message-log.js';
import { NotificationStore } from './delivery/notification-store.js';
import { Pacer } from './delivery/pacer.js';
import { Reconciler } from './delivery/reconciler.js';
import { WakeUps } from './delivery/wake-ups.js';
import { EventPublisher } from './events/event-publisher.js';
import { PromptClose } from './lifecycle/prompt-close.js';
import { IdempotencyKeys } from './notifications/idempotency-keys.js';
import { NotificationComposer } from './notifications/notification-composer.js';
import { NotificationsService } from './notifications/notifications.service.js';
import { RecipientAddresses } from './notifications/recipient-addresses.js';
import { CallbackUrls } from './providers/callback-urls.js';
import { CredentialsCipher } from './providers/credentials-cipher.js';
import { ProviderInstanceStore } from './providers/provider-instance.store.js';
import { ProviderInstances } from './providers/provider-instances.service.js';
import { Retention } from './retention/retention.js';
import { resolveOptions } from './twilio-whatsapp.resolve-options.js';
import {
  TWILIO_WHATSAPP_EXTRAS,
  TWILIO_WHATSAPP_OPTIONS,
  TWILIO_WHATSAPP_RAW_OPTIONS,
  TWILIO_WHATSAPP_USER_DIRECTORY,
} from './twilio-whatsapp.constants.js';
import { ConfigurableModuleClass } from './twilio-whatsapp.module-definition.js';
import type { TwilioWhatsappOptions } from './twilio-whatsapp.options.js';
import { TwilioWhatsappSender } from './twilio-whatsapp.sender.js';
import { TwilioGateway } from './twilio/twilio.gateway.js';
import { UserStore } from './users/user.store.js';
import { UsersService } from './users/users.service.js';

/** Sends WhatsApp notifications through Twilio and knows what became of each of them. */
@Module({
  providers: [
    {
      provide: TWILIO_WHATSAPP_OPTIONS,
      inject: [TWILIO_WHATSAPP_RAW_OPTIONS, TWILIO_WHATSAPP_EXTRAS],
      useFactory: resolveOptions,
    },
    {
      provide: TWILIO_WHATSAPP_USER_DIRECTORY,
      inject: [TWILIO_WHATSAPP_OPTIONS, UserStore],
      useFactory: ({ userDirectory }: TwilioWhatsappOptions, users: UserStore) =>
        userDirectory ?? users,
    },
    ApiGuard,
    ApiKeyVerifier,
    Acceptance,
    CallbackInbox,
    CallbackRecorder,
    CallbackReplay,
    CallbackSpool,
    CallbackUrls,
    CallbackVerifier,
    Claims,
    Courier,
    CredentialsBreaker,
    CredentialsCipher,
    Database,
    DatabaseClock,
    DeliveryAnnouncer,
    Dispatcher,
    EventPublisher,
    IdempotencyKeys,
    InFlight,
    ListLookup,
    MessageCommands,
    MessageLedger,
    MessageLog,
    NotificationComposer,
    NotificationsService,
    NotificationStore,
    OpenQueues,
    Pacer,
    PromptClose,
    ProviderInstances,
    ProviderInstanceStore,
    RecipientAddresses,
    Reconciler,
    Retention,
    SpoolAdmission,
    SpooledFileReplay,
    TwilioGateway,
    TwilioWhatsappSender,
    UserStore,
    UsersService,
    WakeUps,
  ],
  exports: [Database, TwilioWhatsappSender],
})
export class TwilioWhatsappModule extends ConfigurableModuleClass {}
