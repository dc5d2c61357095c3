import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';

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
  @IsString()
  @MaxLength(255)
  cursor?: string;
}

/** A part of a list; `nextCursor` is there when more follows. */
export interface Page<T> {
  items: T[];
  nextCursor?: string;
}
