import { Injectable } from '@nestjs/common';
import { In, LessThan, MoreThan, Raw, type FindOperator, type FindOptionsWhere } from 'typeorm';
import { Database } from '../database/database.js';
import { DeliveryEventEntity } from '../events/delivery-event.entity.js';
import { PageDto, type Page } from '../http/page.dto.js';
import { CallbackUrls } from '../providers/callback-urls.js';
import { NotFoundError } from '../twilio-whatsapp.errors.js';
import { AttemptEntity } from './attempt.entity.js';
import type { ListMessagesDto } from './dto/list-messages.dto.js';
import { messageRequest } from './message-request.js';
import { MESSAGE_TABLE, MessageEntity } from './message.entity.js';
import {
  attemptView,
  deliveryEventView,
  iso,
  messageView,
  type MessageDetailView,
  type MessageView,
  type NotificationView,
} from './message.view.js';
import type { MessageStatus } from './message-state.js';
import { NotificationStore } from './notification-store.js';
import { NotificationEntity } from './notification.entity.js';

/** Messages in a status that are too many to sort them for a page. */
const MANY = 1000;

/** Answers what became of notifications and messages. */
@Injectable()
export class MessageLog {
  constructor(
    private readonly database: Database,
    private readonly notifications: NotificationStore,
    private readonly callbackUrls: CallbackUrls,
  ) {}

  /** One notification, with a page of its messages in the order of the request. @throws NotFoundError */
  async notification(requestId: string, page = new PageDto()): Promise<NotificationView> {
    const [notification] = await this.repository(NotificationEntity).findBy({ id: requestId });
    if (!notification) throw new NotFoundError('notification', requestId);
    const messages = await this.repository(MessageEntity).find({
      where: { requestId, ...(page.cursor && { id: MoreThan(page.cursor) }) },
      order: { id: 'ASC' },
      take: page.limit + 1,
    });
    return {
      requestId,
      createdAt: iso(notification.createdAt),
      counts: await this.countsOf(requestId),
      messages: pageOf(
        messages.map((message) => messageView(message, notification.data)),
        page.limit,
      ),
    };
  }

  /** The newest messages first. */
  async list({ limit, cursor, ...filter }: ListMessagesDto): Promise<Page<MessageView>> {
    const { requestId, recipient, instance, status } = filter;
    const isAlone = !requestId && !recipient && !instance;
    const where: FindOptionsWhere<MessageEntity> = {
      ...(requestId && { requestId }),
      ...(recipient && { recipient }),
      ...(instance && { instanceId: instance }),
      ...(status && { status: isAlone ? await this.alone(status) : status }),
      ...(cursor && { id: LessThan(cursor) }),
    };
    const messages = await this.repository(MessageEntity).find({
      where,
      order: { id: 'DESC' },
      take: limit + 1,
    });
    const data = await this.dataOf(messages);
    return pageOf(
      messages.map((message) => messageView(message, data.get(message.requestId))),
      limit,
    );
  }

  /** One message with its events, attempts and request. @throws NotFoundError */
  async get(id: string): Promise<MessageDetailView> {
    const [message] = await this.repository(MessageEntity).findBy({ id });
    if (!message) throw new NotFoundError('message', id);
    const [events, attempts, data, shipment] = await Promise.all([
      this.repository(DeliveryEventEntity).find({
        where: { messageId: id },
        order: { occurredAt: 'ASC' },
      }),
      this.repository(AttemptEntity).find({ where: { messageId: id }, order: { no: 'ASC' } }),
      this.dataOf([message]),
      this.notifications.get(message.requestId),
    ]);
    const { instanceId, to } = message;
    const attempt = Math.max(message.attempts, 1);
    return {
      ...messageView(message, data.get(message.requestId)),
      events: events.map(deliveryEventView),
      attemptLog: attempts.map(attemptView),
      ...(shipment &&
        to !== null &&
        message.redactedAt === null && {
          request: messageRequest(
            shipment.parameters,
            to,
            this.callbackUrls.shownStatusCallback({ instanceId, messageId: id, attempt }),
          ),
        }),
    };
  }

  /**
   * The condition of a list by status alone. Few messages that have it are found by the index, and sorted. Of many, the
   * newest messages hold some: they are read in order. SQLite, which has no statistics, must be told which it is.
   */
  private async alone(status: MessageStatus): Promise<MessageStatus | FindOperator<MessageStatus>> {
    const { withoutIndex } = this.database.dialect;
    if (!withoutIndex) return status;
    const [{ count }] = await this.database.query<{ count: number }>(
      `SELECT COUNT(*) AS count FROM (SELECT id FROM ${MESSAGE_TABLE} WHERE status = ? LIMIT ${MANY})`,
      status,
    );
    return count < MANY ? status : Raw((column) => `${withoutIndex(column)} = :status`, { status });
  }

  private async countsOf(requestId: string): Promise<NotificationView['counts']> {
    const rows = await this.database.query<{ status: MessageStatus; count: string | number }>(
      `SELECT status, COUNT(*) AS count FROM ${MESSAGE_TABLE} WHERE request_id = ? GROUP BY status`,
      requestId,
    );
    const counts: NotificationView['counts'] = {};
    for (const { status, count } of rows) {
      counts[status] = Number(count);
    }
    return counts;
  }

  private async dataOf(messages: readonly MessageEntity[]): Promise<Map<string, string | null>> {
    const ids = [...new Set(messages.map(({ requestId }) => requestId))];
    const rows = await this.repository(NotificationEntity).find({
      select: { id: true, data: true },
      where: { id: In(ids) },
    });
    return new Map(rows.map(({ id, data }) => [id, data]));
  }

  private repository<T extends object>(entity: new () => T) {
    return this.database.dataSource.getRepository(entity);
  }
}

/** Cuts what was read beyond the page, which tells that more follows. */
function pageOf(messages: MessageView[], limit: number): Page<MessageView> {
  const items = messages.slice(0, limit);
  return messages.length > limit ? { items, nextCursor: items.at(-1)!.id } : { items };
}
