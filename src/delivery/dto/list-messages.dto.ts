import { IsIn, IsOptional, IsUUID } from 'class-validator';
import { PageDto } from '../../http/page.dto.js';
import { MAX_IDENTIFIER_LENGTH } from '../../validation/identifier.js';
import { IsPlainText } from '../../validation/plain-text.js';
import type { MessageStatus } from '../message-state.js';

const STATUSES: MessageStatus[] = [
  'queued',
  'sending',
  'sent',
  'delivered',
  'seen',
  'discarded',
  'unknown',
];

/** Which part of a list of messages to show; the cursor is a message's id. */
export class MessagePageDto extends PageDto {
  @IsOptional()
  @IsUUID()
  declare cursor?: string;
}

/** Query of `GET messages`. */
export class ListMessagesDto extends MessagePageDto {
  @IsOptional()
  @IsUUID()
  requestId?: string;

  @IsOptional()
  @IsPlainText(MAX_IDENTIFIER_LENGTH)
  recipient?: string;

  @IsOptional()
  @IsIn(STATUSES)
  status?: MessageStatus;

  /** Id of a provider instance. */
  @IsOptional()
  @IsUUID()
  instance?: string;
}
