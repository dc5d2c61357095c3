import { Injectable, Logger } from '@nestjs/common';
import { In } from 'typeorm';
import { Database } from '../database/database.js';
import type { DeliveryEventType, WhatsappDeliveryEvent } from '../events/delivery-event.js';
import { EventPublisher } from '../events/event-publisher.js';
import { MessageEntity } from './message.entity.js';
import { NotificationEntity } from './notification.entity.js';

/** Something that was learnt about a message and is committed. */
export interface Learnt {
  readonly messageId: string;
  readonly type: DeliveryEventType;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Of `corrected`: what the message has said since may be something else already. */
  readonly explanation?: string;
}

/** Tells listeners what was learnt, in the order in which it was committed. Costs nothing while nobody listens. */
@Injectable()
export class DeliveryAnnouncer {
  private readonly logger = new Logger(DeliveryAnnouncer.name);
  private last: Promise<void> = Promise.resolve();
  private readonly telling = new Set<Promise<void>>();

  constructor(
    private readonly database: Database,
    private readonly publisher: EventPublisher,
  ) {}

  announce(learnt: readonly Learnt[]): void {
    const awaited = learnt.filter(({ type }) => this.publisher.isAwaited(type));
    if (awaited.length > 0) this.last = this.last.then(() => this.publish(awaited));
  }

  /** Resolves when everybody was told all that is known so far. */
  async idle(): Promise<void> {
    await this.last;
    await Promise.all(this.telling);
  }

  private async publish(learnt: readonly Learnt[]): Promise<void> {
    try {
      const messages = await this.find(
        MessageEntity,
        learnt.map(({ messageId }) => messageId),
      );
      const requestIds = [...messages.values()].map(({ requestId }) => requestId);
      const notifications = await this.find(NotificationEntity, requestIds);
      for (const each of learnt) {
        const message = messages.get(each.messageId);
        if (!message) continue;
        // A slow listener delays neither the next event nor the delivery.
        this.tell(eventOf(each, message, notifications.get(message.requestId)));
      }
    } catch (error) {
      this.logger.error(
        `${learnt.length} delivery events could not be read for their listeners`,
        error,
      );
    }
  }

  private tell(event: WhatsappDeliveryEvent): void {
    const telling = this.publisher.publish(event).finally(() => this.telling.delete(telling));
    this.telling.add(telling);
  }

  private async find<T extends { id: string }>(
    entity: new () => T,
    ids: readonly string[],
  ): Promise<Map<string, T>> {
    const found = await this.database.dataSource.manager
      .getRepository<{ id: string }>(entity)
      .findBy({ id: In([...new Set(ids)]) });
    return new Map((found as T[]).map((row) => [row.id, row]));
  }
}

function eventOf(
  { messageId, type, at, explanation }: Learnt,
  message: MessageEntity,
  notification?: NotificationEntity,
): WhatsappDeliveryEvent {
  return {
    type,
    messageId,
    requestId: message.requestId,
    recipient: message.recipient,
    instance: message.instanceId,
    to: message.to ?? undefined,
    from: message.from ?? undefined,
    sid: message.sid ?? undefined,
    ...(type === 'corrected' && { reason: 'outcome_unknown', explanation }),
    ...(type === 'discarded' && {
      reason: message.reason ?? undefined,
      explanation: message.explanation ?? undefined,
      errorCode: message.errorCode ?? undefined,
    }),
    occurredAt: new Date(at),
    data:
      notification?.data && message.redactedAt === null
        ? (JSON.parse(notification.data) as Record<string, unknown>)
        : undefined,
  };
}
