import { Injectable } from '@nestjs/common';
import type { ClassConstructor } from 'class-transformer';
import { isUUID } from 'class-validator';
import { Database } from './database/database.js';
import { ListMessagesDto, MessagePageDto } from './delivery/dto/list-messages.dto.js';
import { ResolveMessageDto } from './delivery/dto/resolve-message.dto.js';
import { MessageCommands } from './delivery/message-commands.js';
import { MessageLog } from './delivery/message-log.js';
import type { MessageDetailView, MessageView, NotificationView } from './delivery/message.view.js';
import { errorOf } from './http/database-failures.interceptor.js';
import type { Page } from './http/page.dto.js';
import type { SendNotificationDto } from './notifications/dto/send-notification.dto.js';
import { NotificationsService, type SendOptions } from './notifications/notifications.service.js';
import {
  InvalidArgumentError,
  InvalidNotificationError,
  NotFoundError,
} from './twilio-whatsapp.errors.js';
import { toPlainValue } from './validation/plain-value.js';
import { validate } from './validation/validate.js';

/** Which part of a notification's messages: `limit` from 1 to 200, 50 unless given, and the `nextCursor` of the part before. */
export type MessagePage = Readonly<Partial<MessagePageDto>>;

/** Which messages, and which part of them. */
export type MessageQuery = Readonly<Partial<ListMessagesDto>>;

/** What an operator found out about an `unknown` message. */
export type MessageResolution = Readonly<ResolveMessageDto>;

/** What hosts inject to send WhatsApp notifications, and to look up and settle what became of them. */
@Injectable()
export class TwilioWhatsappSender {
  constructor(
    private readonly notifications: NotificationsService,
    private readonly log: MessageLog,
    private readonly commands: MessageCommands,
    private readonly database: Database,
  ) {}

  /**
   * Accepts a notification. Once this resolves - or, with `transaction`, once that commits - every recipient has a
   * message that ends as sent, delivered, seen or discarded.
   *
   * @throws InvalidNotificationError that names every field that is wrong
   * @throws NoProviderInstanceError when no provider instance is enabled
   * @throws IdempotencyKeyReusedError when the key came with another notification
   * @throws RequestTooLargeError when it is more than the database takes at once
   * @throws DatabaseUnavailableError when the database does not answer; it may be accepted all the same
   */
  async send(
    notification: SendNotificationDto,
    options?: SendOptions,
  ): Promise<{ requestId: string }> {
    const { value, problem } = toPlainValue(notification);
    if (problem) throw new InvalidNotificationError([problem]);
    return this.notifications.send(value, options);
  }

  /**
   * What became of a notification: how many messages have which status, and a page of them in the order of the request.
   *
   * @throws NotFoundError, InvalidArgumentError, DatabaseUnavailableError
   */
  async status(requestId: string, page?: MessagePage): Promise<NotificationView> {
    const part = argumentOf(MessagePageDto, page);
    const id = idOf('notification', requestId);
    return this.answer(this.database.inTime(this.log.notification(id, part)));
  }

  /**
   * One message with its events, attempts and request.
   *
   * @throws NotFoundError, DatabaseUnavailableError
   */
  async message(id: string): Promise<MessageDetailView> {
    return this.answer(this.database.inTime(this.log.get(idOf('message', id))));
  }

  /**
   * A page of messages, the newest first.
   *
   * @throws InvalidArgumentError, DatabaseUnavailableError
   */
  async list(query?: MessageQuery): Promise<Page<MessageView>> {
    return this.answer(this.database.inTime(this.log.list(argumentOf(ListMessagesDto, query))));
  }

  /**
   * Cancels a message that is queued.
   *
   * @throws NotFoundError, DatabaseUnavailableError
   * @throws MessageStateError when it is being sent, or was sent or discarded
   */
  async cancel(id: string): Promise<MessageDetailView> {
    return this.answer(this.commands.cancel(idOf('message', id)));
  }

  /**
   * Settles an `unknown` message: it was sent, it was not, or it was not and is to be sent again.
   *
   * @throws NotFoundError, InvalidArgumentError, DatabaseUnavailableError
   * @throws MessageStateError when the message is not unknown
   * @throws ConflictError when the SID is another message's
   */
  async resolve(id: string, resolution: MessageResolution): Promise<MessageDetailView> {
    const found = argumentOf(ResolveMessageDto, resolution);
    return this.answer(this.commands.resolve(idOf('message', id), found));
  }

  private answer<T>(work: Promise<T>): Promise<T> {
    return work.catch((error: unknown) => {
      throw errorOf(error);
    });
  }
}

/** The argument as the REST API would read it. @throws InvalidArgumentError */
function argumentOf<T extends object>(dto: ClassConstructor<T>, argument: object = {}): T {
  if (typeof argument !== 'object' || argument === null || Array.isArray(argument)) {
    throw new InvalidArgumentError(['the argument must be an object']);
  }
  const given = Object.entries(argument).filter(([, value]) => value !== undefined);
  const { value, problems } = validate(dto, Object.fromEntries(given));
  if (problems.length > 0) throw new InvalidArgumentError(problems);
  return value;
}

/** @throws NotFoundError for what cannot be an id: databases differ in what they make of it */
function idOf(kind: string, id: string): string {
  if (!isUUID(id)) throw new NotFoundError(kind, id);
  return id;
}
