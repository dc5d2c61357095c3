import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { newId } from '../database/time-ordered-id.js';
import { DatabaseClock } from '../database/database-clock.js';
import { Database } from '../database/database.js';
import { Acceptance, type NewMessage, type NewNotification } from '../delivery/acceptance.js';
import type { Refusal } from '../delivery/refusals.js';
import { Dispatcher } from '../delivery/dispatcher.js';
import { credentialsPlace } from '../delivery/notification-store.js';
import { senderKey } from '../delivery/sender-key.js';
import { CredentialsCipher } from '../providers/credentials-cipher.js';
import type { ProviderInstance } from '../providers/provider-instance.store.js';
import { ProviderInstances } from '../providers/provider-instances.service.js';
import { InjectUserDirectory, InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import {
  IdempotencyKeyReusedError,
  InvalidNotificationError,
  NotFoundError,
} from '../twilio-whatsapp.errors.js';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import type { TwilioCredentials, TwilioParameters } from '../twilio/twilio.gateway.js';
import { fromWhatsappAddress } from '../twilio/whatsapp-address.js';
import { isWhatsappAddress } from '../users/phone-number.js';
import type { UserDirectory } from '../users/user-directory.js';
import { UserStore, type ProfileChange } from '../users/user.store.js';
import { messageBody } from './message-body.js';
import { parseNotification, type NotificationRequest } from './notification-request.js';
import type { Override } from './override.js';
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
    @InjectUserDirectory() private readonly directory: UserDirectory,
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
    const notification = await this.compose(request, idempotencyKey, transaction);
    const { requestId, fingerprint } = await this.commit(notification, transaction);
    if (fingerprint !== notification.fingerprint) throw new IdempotencyKeyReusedError();
    return { requestId };
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
      messages:
        typeof To === 'string'
          ? recipients.map(({ identifier }) => this.addressed(identifier, To, dueAt))
          : await this.address(recipients, dueAt, transaction),
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

  /** Finds where each recipient can be reached; those who cannot be get a message that says so. */
  private async address(
    recipients: readonly Recipient[],
    dueAt: number,
    transaction?: EntityManager,
  ): Promise<NewMessage[]> {
    const strangers = recipients.filter(({ profile }) => profile?.phoneNumber === undefined);
    // On the host's own connection: to wait for another while it holds one could be to wait forever.
    const found = await this.directory.find(
      strangers.map(({ identifier }) => identifier),
      transaction,
    );
    const phones = new Map(found.map(({ identifier, phoneNumber }) => [identifier, phoneNumber]));
    return recipients.map(({ identifier, profile }) => {
      const isKnown = profile !== undefined || phones.has(identifier);
      const phone = profile?.phoneNumber ?? phones.get(identifier);
      if (phone !== undefined && phone !== null && phone !== '') {
        return this.addressed(identifier, phone, dueAt);
      }
      return this.unreachable(identifier, isKnown ? 'phone_missing' : 'recipient_unknown');
    });
  }

  private addressed(recipient: string, address: unknown, dueAt: number): NewMessage {
    const to = typeof address === 'string' ? fromWhatsappAddress(address) : '';
    if (!isWhatsappAddress(to)) return this.unreachable(recipient, 'phone_invalid');
    const expiresAt = dueAt + this.options.delivery.expireAfterMs;
    return { id: newId(), recipient, to, dueAt, expiresAt };
  }

  /** A message that says why: no need to wait for the time it was scheduled for, this will not change. */
  private unreachable(recipient: string, reason: Refusal): NewMessage {
    const now = this.clock.now();
    return {
      id: newId(),
      recipient,
      reason,
      dueAt: now,
      expiresAt: now + this.options.delivery.expireAfterMs,
    };
  }
}

/** The messaging service that chooses the sender, if there is one. */
function messagingService({ MessagingServiceSid: sid }: TwilioParameters): string | undefined {
  return typeof sid === 'string' && MESSAGING_SERVICE_SID.test(sid) ? sid : undefined;
}

const hasProfile = (recipient: Recipient): recipient is ProfileChange =>
  recipient.profile !== undefined;

/** The credentials that a request brings along, completed from the instance; undefined when it brings none. */
function overriddenCredentials(
  { config }: Override,
  own: TwilioCredentials,
): TwilioCredentials | undefined {
  const {
    TWILIO_ACCOUNT_SID: accountSid = own.accountSid,
    TWILIO_AUTH_TOKEN: authToken,
    TWILIO_API_KEY_SID: sid,
    TWILIO_API_KEY_SECRET: secret,
  } = config;
  const apiKey = sid !== undefined && secret !== undefined ? { sid, secret } : undefined;
  if (authToken !== undefined) return { accountSid, authToken, ...(apiKey && { apiKey }) };
  // Its callbacks are signed with the account's token all the same.
  if (accountSid === own.accountSid) {
    return apiKey && { accountSid, authToken: own.authToken, apiKey };
  }
  throw new InvalidNotificationError([
    'override.twilio_whatsapp._config.TWILIO_ACCOUNT_SID names another account: pass its TWILIO_AUTH_TOKEN too',
  ]);
}
