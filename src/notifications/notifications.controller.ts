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
  Res,
  UseGuards,
  UseInterceptors,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { ApiGuard } from '../http/api.guard.js';
import { DatabaseFailures } from '../http/database-failures.interceptor.js';
import { askToRetry, type Response } from '../http/retry-after.js';
import { MessageLog } from '../delivery/message-log.js';
import type { NotificationView } from '../delivery/message.view.js';
import { MessagePageDto } from '../delivery/dto/list-messages.dto.js';
import { RequestQuery } from '../http/request-body.js';
import { NotificationsService } from './notifications.service.js';

@Controller({ path: 'notifications', version: VERSION_NEUTRAL })
@UseGuards(ApiGuard)
export class NotificationsController {
  constructor(
    private readonly notifications: NotificationsService,
    private readonly log: MessageLog,
  ) {}

  // Without the interceptor, which would cost something with every acceptance.
  @Post()
  @HttpCode(HttpStatus.ACCEPTED)
  send(
    @Body() body: unknown,
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @Res({ passthrough: true }) response: Response,
  ): Promise<{ requestId: string }> {
    return this.notifications.send(body, { idempotencyKey }).catch((error: unknown) => {
      throw askToRetry(response, error);
    });
  }

  @Get(':requestId')
  @UseInterceptors(DatabaseFailures)
  get(
    @Param('requestId', ParseUUIDPipe) requestId: string,
    @RequestQuery() page: MessagePageDto,
  ): Promise<NotificationView> {
    return this.log.notification(requestId, page);
  }
}
