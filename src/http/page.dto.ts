import { Type } from 'class-transformer';
import { IsInt, Max, Min } from 'class-validator';
import { MAX_IDENTIFIER_LENGTH } from '../validation/identifier.js';
import { MayBeAbsent } from '../validation/may-be-absent.js';
import { IsPlainText } from '../validation/plain-text.js';

/** Which part of a list to show. */
export class PageDto {
  /** @default 50 */
  @MayBeAbsent()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(200)
  limit = 50;

  /** The `nextCursor` of the part before. */
  @MayBeAbsent()
  @IsPlainText(MAX_IDENTIFIER_LENGTH)
  cursor?: string;
}

/** A part of a list; `nextCursor` is there when more follows. */
export interface Page<T> {
  items: T[];
  nextCursor?: string;
}
