import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { DataSource, type Repository } from 'typeorm';
import { newId } from '#library/database/time-ordered-id.js';
import { initialState } from '#library/delivery/message-state.js';
import { MessageEntity } from '#library/delivery/message.entity.js';
import { SENDER } from '../fixtures.js';

// More do not fit into the parameters of one statement.
const CHUNK = 1000;

interface Request {
  readonly sendTo: { readonly recipients: readonly { identifier: string; phoneNumber: string }[] };
  readonly sendAt: string;
}

/** Accepts notifications with TypeORM's `save`: the same rows of messages, and none of the rest. */
@Controller('notifications')
export class SavingController {
  private readonly messages: Repository<MessageEntity>;

  constructor(@Inject(DataSource) dataSource: DataSource) {
    this.messages = dataSource.getRepository(MessageEntity);
  }

  @Post()
  @HttpCode(202)
  async accept(@Body() { sendTo, sendAt }: Request): Promise<{ requestId: string }> {
    const requestId = newId(Date.now());
    const now = Date.now();
    const dueAt = Date.parse(sendAt);
    const messages = sendTo.recipients.map(({ identifier, phoneNumber }) =>
      this.messages.create({
        id: newId(Date.now()),
        requestId,
        recipient: identifier,
        instanceId: requestId,
        to: phoneNumber,
        from: SENDER,
        sender: requestId,
        ...initialState(dueAt, dueAt),
        createdAt: now,
      }),
    );
    await this.messages.save(messages, { chunk: CHUNK });
    return { requestId };
  }
}
