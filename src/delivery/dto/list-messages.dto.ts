import { IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { PageDto } from '../../http/page.dto.js';
import type { PublicStatus } from '../message.view.js';

const STATUSES: PublicStatus[] = [
  'queued',
  'sending',
  'sent',
  'delivered',
  'seen',
  'discarded',
  'unknown',
];

/** Query of `GET messages`. */
export class ListMessagesDto extends PageDto {
  @IsOptional()
  @IsString()
  @MaxLength(36)
  requestId?: string;

  @IsOptional()
  @IsString()
  @MaxLength(255)
  recipient?: string;

  @IsOptional()
  @IsIn(STATUSES)
  status?: PublicStatus;

  /** Id of a provider instance. */
  @IsOptional()
  @IsString()
  @MaxLength(36)
  instance?: string;
}
