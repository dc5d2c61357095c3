import {
  Body,
  Controller,
  ForbiddenException,
  Headers,
  HttpCode,
  Inject,
  NotFoundException,
  Post,
} from '@nestjs/common';
import twilio from 'twilio';
import { DataSource, type Repository } from 'typeorm';
import { randomUUID } from 'node:crypto';
import { AUTH_TOKEN, PUBLIC_URL } from '../fixtures.js';
import { UsualEvent, UsualMessage } from './usual.entities.js';

/** The handler that one writes first: check the signature, find the message, save it, save the event. */
@Controller('callbacks')
export class UsualController {
  private readonly messages: Repository<UsualMessage>;
  private readonly events: Repository<UsualEvent>;

  constructor(@Inject(DataSource) dataSource: DataSource) {
    this.messages = dataSource.getRepository(UsualMessage);
    this.events = dataSource.getRepository(UsualEvent);
  }

  @Post()
  @HttpCode(204)
  async receive(
    @Headers('x-twilio-signature') signature: string,
    @Body() body: Record<string, string>,
  ): Promise<void> {
    if (!twilio.validateRequest(AUTH_TOKEN, signature, `${PUBLIC_URL}/callbacks`, body)) {
      throw new ForbiddenException();
    }
    const message = await this.messages.findOneBy({ sid: body.MessageSid });
    if (!message) throw new NotFoundException();
    const now = Date.now();
    message.status = body.MessageStatus;
    message.updatedAt = now;
    await this.messages.save(message);
    await this.events.save({
      id: randomUUID(),
      messageId: message.id,
      status: body.MessageStatus,
      occurredAt: now,
    });
  }
}
