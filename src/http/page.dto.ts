import { Type } from 'class-transformer';
import { IsInt, IsOptional, Matches, Max, Min } from 'class-validator';

/** Which part of a list to show. */
export class PageDto {
  /** @default 50 */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(200)
  limit = 50;

  /** The `nextCursor` of the part before. */
  @IsOptional()
  @Matches(/^[^\p{Cc}\p{Cs}]{1,255}$/u, { message: 'cursor must be the nextCursor of a page' })
  cursor?: string;
}

/** A part of a list; `nextCursor` is there when more follows. */
export interface Page<T> {
  items: T[];
  nextCursor?: string;
}
