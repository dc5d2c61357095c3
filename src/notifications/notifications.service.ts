import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { newId } from '../database/time-ordered-id.js';
import { DatabaseClock } from '../database/database-clock.js';
import { Database } from '../database/database.js';
import { Acceptance, type NewNotification } from '../delivery/acceptance.js';
import { Dispatcher } from '../delivery/dispatcher.js';
import { credentialsPlace } from '../delivery/notification-store.js';
import { senderKey } from '../delivery/sender-key.js';
import { CredentialsCipher } from '../providers/credentials-cipher.js';
import type { ProviderInstance } from '../providers/provider-instance.store.js';
import { ProviderInstances } from '../providers/provider-instances.service.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import {
  answerableError,
  IdempotencyKeyReusedError,
  InvalidNotificationError,
  NotFoundError,
} from '../twilio-whatsapp.errors.js';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import type { TwilioParameters } from '../twilio/twilio.gateway.js';
import { fromWhatsappAddress } from '../twilio/whatsapp-address.js';
import { UserStore, type ProfileChange } from '../users/user.store.js';
import { messageBody } from './message-body.js';
import { parseNotification, type NotificationRequest } from './notification-request.js';
import type { Override } from './override.js';
import { overriddenCredentials } from './overridden-credentials.js';
import { RecipientAddresses } from './recipient-addresses.js';
import type { Recipient } from './recipients.js';

/** How a notification is sent, beside what it says. */
export interface SendOptions {
  /** The messages exist exactly if this transaction commits. */
  readonly transaction?: EntityManager;
  /** Repeating a notification under the same key, 1 to 255 characters, answers with the first one. */
  readonly idempotencyKey?: string;
}

const MESSAGING_SERVICE_SID = /^MG[0-9a-f]{32}$/i;
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** Accepts notifications: from here on, every one of their messages has a fate that can be looked up. */
@Injectable()
export class NotificationsService {
  constructor(
    @InjectWhatsappOptions() private readonly options: TwilioWhatsappOptions,
    private readonly addresses: RecipientAddresses,
    private readonly users: UserStore,
    private readonly instances: ProviderInstances,
    private readonly cipher: CredentialsCipher,
    private readonly database: Database,
    private readonly clock: DatabaseClock,
    private readonly acceptance: Acceptance,
    private readonly dispatcher: Dispatcher,
  ) {}

  /** Checks the notification and stores a message for each recipient; resolves after the commit. */
  async send(
    input: unknown,
    { transaction, idempotencyKey }: SendOptions = {},
  ): Promise<{ requestId: string }> {
    const request = parseNotification(input, this.options.allowOverrides);
    if (idempotencyKey !== undefined && !IDEMPOTENCY_KEY.test(idempotencyKey)) {
      throw new InvalidNotificationError([
        'Idempotency-Key must be 1 to 255 visible ASCII characters',
      ]);
    }
    if (transaction && !transaction.queryRunner?.isTransactionActive) {
      throw new Error(
        'transaction must be the EntityManager of an open transaction: the one that dataSource.transaction() passes along.',
      );
    }
    try {
      const notification = await this.compose(request, idempotencyKey, transaction);
      const { requestId, fingerprint } = await this.commit(notification, transaction);
      if (fingerprint !== notification.fingerprint) throw new IdempotencyKeyReusedError();
      return { requestId };
    } catch (error) {
      throw answerableError(error);
    }
  }

  private async commit(notification: NewNotification, transaction?: EntityManager) {
    if (!transaction) {
      const accepted = await this.acceptance.commit(notification);
      this.dispatcher.accepted(accepted.requestId);
      return accepted;
    }
    const [accepted] = await this.database.runWithin(transaction, () =>
      this.acceptance.store([notification]),
    );
    this.database.afterCommit(transaction, () => this.dispatcher.accepted(accepted.requestId));
    return accepted;
  }

  private async compose(
    request: NotificationRequest,
    idempotencyKey?: string,
    transaction?: EntityManager,
  ): Promise<NewNotification> {
    const { override, recipients, data, sendAt, json } = request;
    const id = newId();
    const createdAt = this.clock.now();
    const instance = await this.chooseInstance(override, transaction);
    const credentials = overriddenCredentials(override, instance.credentials);
    const { To, ...parameters } = messageBody(
      request.text,
      override.config.TWILIO_FROM_NUMBER ?? instance.row.fromNumber,
      override,
    );
    const dueAt = Math.max(sendAt ?? createdAt, createdAt);
    const { From } = parameters;
    const from = typeof From === 'string' ? fromWhatsappAddress(From) : undefined;
    return {
      id,
      createdAt,
      parameters,
      credentials:
        credentials && this.cipher.seal(JSON.stringify(credentials), credentialsPlace(id)),
      data,
      idempotencyKey,
      fingerprint: idempotencyKey && createHash('sha256').update(json).digest('hex'),
      instanceId: instance.row.id,
      sender: senderKey(
        instance.row.id,
        { accountSid: instance.credentials.accountSid, address: instance.row.fromNumber },
        { accountSid: credentials?.accountSid, address: messagingService(parameters) ?? from },
      ),
      from,
      messages: await this.addresses.messagesFor(recipients, { to: To, dueAt }, transaction),
      users: await this.changedUsers(recipients, transaction),
    };
  }

  private async changedUsers(
    recipients: readonly Recipient[],
    transaction?: EntityManager,
  ): Promise<readonly ProfileChange[]> {
    if (!this.users.isInCharge) return [];
    const users = recipients.filter(hasProfile);
    // What the host's transaction sees may be older than what is there.
    return transaction ? users : this.users.unapplied(users);
  }

  private async chooseInstance(
    { instance }: Override,
    transaction?: EntityManager,
  ): Promise<ProviderInstance> {
    try {
      return await this.instances.choose(instance, transaction);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      throw new InvalidNotificationError([`override.twilio_whatsapp._instance: ${error.message}`]);
    }
  }
}

/** The messaging service that chooses the sender, if there is one. */
function messagingService({ MessagingServiceSid: sid }: TwilioParameters): string | undefined {
  return typeof sid === 'string' && MESSAGING_SERVICE_SID.test(sid) ? sid : undefined;
}

const hasProfile = (recipient: Recipient): recipient is ProfileChange =>
  recipient.profile !== undefined;
