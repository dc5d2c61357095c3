import { HttpException, Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { Database } from '../database/database.js';
import { Acceptance, type Accepted, type NewNotification } from '../delivery/acceptance.js';
import { Dispatcher } from '../delivery/dispatcher.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import {
  answerableError,
  IdempotencyKeyReusedError,
  InvalidNotificationError,
} from '../twilio-whatsapp.errors.js';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { canonicalJson } from '../validation/json.js';
import { IdempotencyKeys, type KeyedNotification } from './idempotency-keys.js';
import { NotificationComposer } from './notification-composer.js';
import { assertStorable, parseNotification } from './notification-request.js';

/** How a notification is sent, beside what it says. */
export interface SendOptions {
  /** The messages exist exactly if this transaction commits. */
  readonly transaction?: EntityManager;
  /** Repeating a notification under the same key, 1 to 255 characters, answers with the first one. */
  readonly idempotencyKey?: string;
}

/** A key, and what tells the request under it from others. */
interface Key {
  readonly idempotencyKey: string;
  readonly fingerprint: string;
}

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** Accepts notifications: from here on, every one of their messages has a fate that can be looked up. */
@Injectable()
export class NotificationsService {
  constructor(
    @InjectWhatsappOptions() private readonly options: TwilioWhatsappOptions,
    private readonly keys: IdempotencyKeys,
    private readonly composer: NotificationComposer,
    private readonly database: Database,
    private readonly acceptance: Acceptance,
    private readonly dispatcher: Dispatcher,
  ) {}

  /**
   * Checks the notification and stores a message for each recipient; resolves after the commit.
   *
   * A repetition under a key is answered before anything is checked that may have changed since the first: options,
   * instances, users.
   *
   * @throws InvalidNotificationError that names every field that is wrong
   * @throws NoProviderInstanceError when none is enabled
   * @throws IdempotencyKeyReusedError when the key stands for another notification
   */
  async send(
    input: unknown,
    { transaction, idempotencyKey }: SendOptions = {},
  ): Promise<{ requestId: string }> {
    if (transaction && !transaction.queryRunner?.isTransactionActive) {
      throw new Error(
        'transaction must be the EntityManager of an open transaction: the one that dataSource.transaction() passes along.',
      );
    }
    assertStorable(input);
    try {
      return await this.accept(input, { transaction, idempotencyKey });
    } catch (error) {
      throw answerableError(error);
    }
  }

  private async accept(
    input: unknown,
    { transaction, idempotencyKey }: SendOptions,
  ): Promise<{ requestId: string }> {
    if (idempotencyKey === undefined) {
      const { requestId } = await this.commit(await this.compose(input, transaction), transaction);
      return { requestId };
    }
    const key = keyOf(idempotencyKey, input);
    return repeated(await this.underKey(input, key, transaction), key);
  }

  /** What the key stands for: the notification that was accepted under it, or this one from now on. */
  private async underKey(
    input: unknown,
    key: Key,
    transaction?: EntityManager,
  ): Promise<KeyedNotification> {
    const known = await this.keys.find(key.idempotencyKey, transaction);
    if (known) return known;
    let notification: NewNotification;
    try {
      notification = { ...(await this.compose(input, transaction)), ...key };
    } catch (refusal) {
      const first =
        refusal instanceof HttpException &&
        (await this.keys.settled(key.idempotencyKey, transaction));
      if (!first) throw refusal;
      return first;
    }
    return this.commit(notification, transaction);
  }

  private async compose(input: unknown, transaction?: EntityManager): Promise<NewNotification> {
    const request = parseNotification(input, this.options.allowOverrides);
    return this.composer.compose(request, transaction);
  }

  private async commit(
    notification: NewNotification,
    transaction?: EntityManager,
  ): Promise<Accepted> {
    if (!transaction) {
      const accepted = await this.acceptance.commit(notification);
      this.dispatcher.accepted(accepted.requestId);
      return accepted;
    }
    const store = (manager: EntityManager) =>
      this.database.runWithin(manager, () => this.acceptance.store([notification]));
    // What a user is changed to may be refused; the host may go on, and none of this must be left then.
    const [accepted] =
      notification.users.length > 0
        ? await transaction.transaction(store)
        : await store(transaction);
    this.database.afterCommit(transaction, () => this.dispatcher.accepted(accepted.requestId));
    return accepted;
  }
}

/** @throws InvalidNotificationError */
function keyOf(idempotencyKey: string, input: unknown): Key {
  if (!IDEMPOTENCY_KEY.test(idempotencyKey)) {
    throw new InvalidNotificationError([
      'Idempotency-Key must be 1 to 255 visible ASCII characters',
    ]);
  }
  const fingerprint = createHash('sha256').update(canonicalJson(input)).digest('hex');
  return { idempotencyKey, fingerprint };
}

/**
 * The answer to a request under a key that stands for a notification.
 *
 * @throws IdempotencyKeyReusedError when that one had another body; retention erases what tells
 */
function repeated({ requestId, fingerprint }: KeyedNotification, key: Key): { requestId: string } {
  if (fingerprint && fingerprint !== key.fingerprint) throw new IdempotencyKeyReusedError();
  return { requestId };
}
