import {
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  HttpStatus,
  Param,
  ParseUUIDPipe,
  Post,
  UseGuards,
} from '@nestjs/common';
import { ApiGuard } from '../http/api.guard.js';
import { MessageLog } from '../delivery/message-log.js';
import type { NotificationView } from '../delivery/message.view.js';
import { MessagePageDto } from '../delivery/dto/list-messages.dto.js';
import { RequestQuery } from '../http/request-body.js';
import { NotificationsService } from './notifications.service.js';

@Controller('notifications')
@UseGuards(ApiGuard)
export class NotificationsController {
  constructor(
    private readonly notifications: NotificationsService,
    private readonly log: MessageLog,
  ) {}

  @Post()
  @HttpCode(HttpStatus.ACCEPTED)
  send(
    @Body() body: unknown,
    @Headers('idempotency-key') idempotencyKey?: string,
  ): Promise<{ requestId: string }> {
    return this.notifications.send(body, { idempotencyKey });
  }

  @Get(':requestId')
  get(
    @Param('requestId', ParseUUIDPipe) requestId: string,
    @RequestQuery() page: MessagePageDto,
  ): Promise<NotificationView> {
    return this.log.notification(requestId, page);
  }
}
