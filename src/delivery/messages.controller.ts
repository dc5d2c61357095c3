import {
  Controller,
  Get,
  HttpCode,
  HttpStatus,
  Param,
  ParseUUIDPipe,
  Post,
  UseGuards,
  UseInterceptors,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { ApiGuard } from '../http/api.guard.js';
import { DatabaseFailures } from '../http/database-failures.interceptor.js';
import type { Page } from '../http/page.dto.js';
import { RequestBody, RequestQuery } from '../http/request-body.js';
import { ListMessagesDto } from './dto/list-messages.dto.js';
import { ResolveMessageDto } from './dto/resolve-message.dto.js';
import { MessageCommands } from './message-commands.js';
import { MessageLog } from './message-log.js';
import type { MessageDetailView, MessageView } from './message.view.js';

@Controller({ path: 'messages', version: VERSION_NEUTRAL })
@UseGuards(ApiGuard)
@UseInterceptors(DatabaseFailures)
export class MessagesController {
  constructor(
    private readonly log: MessageLog,
    private readonly commands: MessageCommands,
  ) {}

  @Get()
  list(@RequestQuery() query: ListMessagesDto): Promise<Page<MessageView>> {
    return this.log.list(query);
  }

  @Get(':id')
  get(@Param('id', ParseUUIDPipe) id: string): Promise<MessageDetailView> {
    return this.log.get(id);
  }

  @Post(':id/cancel')
  @HttpCode(HttpStatus.OK)
  cancel(@Param('id', ParseUUIDPipe) id: string): Promise<MessageDetailView> {
    return this.commands.cancel(id);
  }

  @Post(':id/resolve')
  @HttpCode(HttpStatus.OK)
  resolve(
    @Param('id', ParseUUIDPipe) id: string,
    @RequestBody() resolution: ResolveMessageDto,
  ): Promise<MessageDetailView> {
    return this.commands.resolve(id, resolution);
  }
}
