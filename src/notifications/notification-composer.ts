import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { DatabaseClock } from '../database/database-clock.js';
import { newId } from '../database/time-ordered-id.js';
import type { NewNotification } from '../delivery/acceptance.js';
import { credentialsPlace } from '../delivery/notification-store.js';
import { senderKey } from '../delivery/sender-key.js';
import { CredentialsCipher } from '../providers/credentials-cipher.js';
import type { ProviderInstance } from '../providers/provider-instance.store.js';
import { ProviderInstances } from '../providers/provider-instances.service.js';
import { InvalidNotificationError, NotFoundError } from '../twilio-whatsapp.errors.js';
import { fromWhatsappAddress, messagingServiceOf } from '../twilio/whatsapp-address.js';
import { UserStore, type ProfileChange } from '../users/user.store.js';
import { messageBody } from './message-body.js';
import type { NotificationRequest } from './notification-request.js';
import type { Override } from './override.js';
import { overriddenCredentials } from './overridden-credentials.js';
import { RecipientAddresses } from './recipient-addresses.js';
import type { Recipient } from './recipients.js';

/** Makes of a request what is stored of it: who sends it, with which credentials, and where its recipients are reached. */
@Injectable()
export class NotificationComposer {
  constructor(
    private readonly addresses: RecipientAddresses,
    private readonly users: UserStore,
    private readonly instances: ProviderInstances,
    private readonly cipher: CredentialsCipher,
    private readonly clock: DatabaseClock,
  ) {}

  /**
   * @param transaction on whose connection to read, for callers that hold one
   * @throws InvalidNotificationError when the override names no instance, or lacks a token
   * @throws NoProviderInstanceError when none is enabled
   */
  async compose(
    { text, override, recipients, data, sendAt }: NotificationRequest,
    transaction?: EntityManager,
  ): Promise<NewNotification> {
    const createdAt = this.clock.now();
    const id = newId(createdAt);
    const instance = await this.chooseInstance(override, transaction);
    const credentials = overriddenCredentials(override, instance.credentials);
    const { To, ...parameters } = messageBody(text, instance.row.fromNumber, override);
    const dueAt = Math.max(sendAt ?? createdAt, createdAt);
    const { From } = parameters;
    const service = messagingServiceOf(parameters);
    const isAddress = typeof From === 'string' && messagingServiceOf({ From }) === undefined;
    const from = isAddress ? fromWhatsappAddress(From) : undefined;
    return {
      id,
      createdAt,
      parameters,
      credentials:
        credentials && this.cipher.seal(JSON.stringify(credentials), credentialsPlace(id)),
      data,
      instanceId: instance.row.id,
      sender: senderKey(
        instance.row.id,
        { accountSid: instance.credentials.accountSid, address: instance.row.fromNumber },
        { accountSid: credentials?.accountSid, address: from ?? service },
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

const hasProfile = (recipient: Recipient): recipient is ProfileChange =>
  recipient.profile !== undefined;
