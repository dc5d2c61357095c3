import { Injectable } from '@nestjs/common';
import { MessageLog } from './delivery/message-log.js';
import type { NotificationView } from './delivery/message.view.js';
import type { SendNotificationDto } from './notifications/dto/send-notification.dto.js';
import { NotificationsService, type SendOptions } from './notifications/notifications.service.js';
import { InvalidNotificationError } from './twilio-whatsapp.errors.js';
import { toPlainValue } from './validation/plain-value.js';

/** What hosts inject to send WhatsApp notifications and to learn what became of them. */
@Injectable()
export class TwilioWhatsappSender {
  constructor(
    private readonly notifications: NotificationsService,
    private readonly log: MessageLog,
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

  /** What became of a notification. @throws NotFoundError */
  status(requestId: string): Promise<NotificationView> {
    return this.log.notification(requestId);
  }
}
