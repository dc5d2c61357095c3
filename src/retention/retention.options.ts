import { IsOptional, IsPositive, Max } from 'class-validator';

const MAX_DAYS = 36_500;

/**
 * How long what is known of finished messages is kept. Nothing is erased unless it is asked for: it cannot be undone,
 * and how long it must or may be kept is for the application to know.
 */
export class RetentionOptions {
  /**
   * Days, fractions allowed, after which texts, media, data, explanations and phone numbers of a finished message are
   * erased. Its status, reason, error code and instants stay.
   * @default never
   */
  @IsOptional()
  @IsPositive()
  @Max(MAX_DAYS)
  redactAfterDays?: number;

  /**
   * Days, fractions allowed, after which a finished message is deleted with its attempts and events, and its
   * notification with the last of its messages. Not less than `redactAfterDays`.
   * @default never
   */
  @IsOptional()
  @IsPositive()
  @Max(MAX_DAYS)
  purgeAfterDays?: number;
}

/** What is wrong with the options as a whole. */
export const retentionProblems = ({
  redactAfterDays: redact,
  purgeAfterDays: purge,
}: RetentionOptions): string[] =>
  redact !== undefined && purge !== undefined && purge < redact
    ? ['retention.purgeAfterDays must not be less than retention.redactAfterDays']
    : [];
