import type { JsonColumns } from '../database/dialect.js';
import type { AttemptChange, LoggedEvent, MessageState } from './message-state.js';

/** Drivers hand 64-bit integers out as text. */
type BigInteger = string | number;

/** What is read of a message to decide about it. */
export interface StateRow {
  id: string;
  status: MessageState['status'];
  fence: number;
  attempts: number;
  failed_attempts: number;
  due_at: BigInteger | null;
  expires_at: BigInteger;
  checks: number;
  not_found_count: number;
  sid: string | null;
  sid_source: MessageState['sidSource'];
  reason: string | null;
  explanation: string | null;
  error_code: number | null;
  sent_at: BigInteger | null;
  delivered_at: BigInteger | null;
  seen_at: BigInteger | null;
  discarded_at: BigInteger | null;
  redacted_at: BigInteger | null;
}

/** What is read of a message to act for it. */
export interface AddressedRow extends StateRow {
  request_id: string;
  instance_id: string;
  to_address: string | null;
  from_address: string | null;
}

export const STATE_COLUMNS = {
  id: 'text',
  status: 'text',
  fence: 'int',
  attempts: 'int',
  failed_attempts: 'int',
  due_at: 'bigint',
  expires_at: 'bigint',
  checks: 'int',
  not_found_count: 'int',
  sid: 'text',
  sid_source: 'text',
  reason: 'text',
  explanation: 'text',
  error_code: 'int',
  sent_at: 'bigint',
  delivered_at: 'bigint',
  seen_at: 'bigint',
  discarded_at: 'bigint',
} satisfies JsonColumns;

/** What is selected of a message to decide about it. */
export const KNOWN_COLUMNS = `${Object.keys(STATE_COLUMNS)}, redacted_at`;

export const STARTED_COLUMNS = {
  message_id: 'text',
  no: 'int',
  started_at: 'bigint',
} satisfies JsonColumns;

export const ENDED_COLUMNS = {
  message_id: 'text',
  no: 'int',
  ended_at: 'bigint',
  outcome: 'text',
  http_status: 'int',
  error_code: 'int',
  sid: 'text',
  sid_source: 'text',
  detail: 'text',
} satisfies JsonColumns;

export const EVENT_COLUMNS = {
  message_id: 'text',
  sid: 'text',
  provider_status: 'text',
  error_code: 'int',
  type: 'text',
  explanation: 'text',
  source: 'text',
  occurred_at: 'bigint',
  raw: 'text',
} satisfies JsonColumns;

const instant = (value: BigInteger | null): number | null =>
  value === null ? null : Number(value);

export const stateOf = (row: StateRow): MessageState => ({
  status: row.status,
  fence: row.fence,
  attempts: row.attempts,
  failedAttempts: row.failed_attempts,
  dueAt: instant(row.due_at),
  expiresAt: Number(row.expires_at),
  checks: row.checks,
  notFoundCount: row.not_found_count,
  sid: row.sid,
  sidSource: row.sid_source,
  reason: row.reason,
  explanation: row.explanation,
  errorCode: row.error_code,
  sentAt: instant(row.sent_at),
  deliveredAt: instant(row.delivered_at),
  seenAt: instant(row.seen_at),
  discardedAt: instant(row.discarded_at),
});

// Absent values must be left out of the JSON: not every database reads its null as NULL.
export const stateRow = (id: string, state: MessageState): object => ({
  id,
  status: state.status,
  fence: state.fence,
  attempts: state.attempts,
  failed_attempts: state.failedAttempts,
  due_at: state.dueAt ?? undefined,
  expires_at: state.expiresAt,
  checks: state.checks,
  not_found_count: state.notFoundCount,
  sid: state.sid ?? undefined,
  sid_source: state.sidSource ?? undefined,
  reason: state.reason ?? undefined,
  explanation: state.explanation ?? undefined,
  error_code: state.errorCode ?? undefined,
  sent_at: state.sentAt ?? undefined,
  delivered_at: state.deliveredAt ?? undefined,
  seen_at: state.seenAt ?? undefined,
  discarded_at: state.discardedAt ?? undefined,
});

const COLUMN_OF = {
  status: 'status',
  fence: 'fence',
  attempts: 'attempts',
  failedAttempts: 'failed_attempts',
  dueAt: 'due_at',
  expiresAt: 'expires_at',
  checks: 'checks',
  notFoundCount: 'not_found_count',
  sid: 'sid',
  sidSource: 'sid_source',
  reason: 'reason',
  explanation: 'explanation',
  errorCode: 'error_code',
  sentAt: 'sent_at',
  deliveredAt: 'delivered_at',
  seenAt: 'seen_at',
  discardedAt: 'discarded_at',
} satisfies Record<keyof MessageState, keyof typeof STATE_COLUMNS>;

const FIELDS = Object.keys(COLUMN_OF) as (keyof MessageState)[];

/** The fields in which two states of a message differ. */
export const changedFields = (
  before: MessageState,
  after: MessageState,
): readonly (keyof MessageState)[] => FIELDS.filter((field) => before[field] !== after[field]);

/** The columns that hold these fields, and the id. */
export const columnsOf = (fields: readonly (keyof MessageState)[]): JsonColumns =>
  Object.fromEntries(
    (['id', ...fields.map((field) => COLUMN_OF[field])] as const).map((column) => [
      column,
      STATE_COLUMNS[column],
    ]),
  );

/** The row of these fields. */
export function changedRow(
  id: string,
  state: MessageState,
  fields: readonly (keyof MessageState)[],
): object {
  const row: Record<string, string | number | undefined> = { id };
  for (const field of fields) row[COLUMN_OF[field]] = state[field] ?? undefined;
  return row;
}

export const startedRow = (messageId: string, { no, startedAt }: AttemptChange): object => ({
  message_id: messageId,
  no,
  started_at: startedAt,
});

export const endedRow = (messageId: string, attempt: AttemptChange): object => ({
  message_id: messageId,
  no: attempt.no,
  ended_at: attempt.endedAt,
  outcome: attempt.outcome,
  http_status: attempt.httpStatus,
  error_code: attempt.errorCode,
  sid: attempt.sid,
  sid_source: attempt.sidSource,
  detail: attempt.detail?.slice(0, 255),
});

export const eventRow = (messageId: string, event: LoggedEvent): object => ({
  message_id: messageId,
  sid: event.sid,
  provider_status: event.providerStatus,
  error_code: event.errorCode,
  type: event.type,
  explanation: event.explanation,
  source: event.source,
  occurred_at: event.occurredAt,
  raw: event.raw,
});
