import type { DataSource } from 'typeorm';
import { ATTEMPT_TABLE } from '../../src/delivery/attempt.entity.js';
import { MESSAGE_TABLE } from '../../src/delivery/message.entity.js';
import type { AttemptOutcome, MessageStatus } from '../../src/delivery/message-state.js';

/** What the database says of a message. */
export interface StoredMessage {
  readonly id: string;
  readonly requestId: string;
  readonly recipient: string;
  readonly status: MessageStatus;
  readonly sid: string | null;
  readonly checks: number;
  /** In order. */
  readonly attempts: StoredAttempt[];
}

export interface StoredAttempt {
  readonly no: number;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly outcome: AttemptOutcome | null;
  readonly detail: string | null;
}

interface MessageRow {
  id: string;
  request_id: string;
  recipient: string;
  status: MessageStatus;
  sid: string | null;
  checks: number;
}

interface AttemptRow {
  message_id: string;
  no: number;
  started_at: string | number;
  ended_at: string | number | null;
  outcome: AttemptOutcome | null;
  detail: string | null;
}

/** Reads every message with its attempts. */
export async function readMessages(dataSource: DataSource): Promise<StoredMessage[]> {
  const rows = await dataSource.query<MessageRow[]>(
    `SELECT id, request_id, recipient, status, sid, checks FROM ${MESSAGE_TABLE} ORDER BY id`,
  );
  const attempts = await dataSource.query<AttemptRow[]>(
    `SELECT message_id, no, started_at, ended_at, outcome, detail FROM ${ATTEMPT_TABLE} ORDER BY message_id, no`,
  );
  const messages = new Map(
    rows.map(({ id, request_id: requestId, recipient, status, sid, checks }) => [
      id,
      { id, requestId, recipient, status, sid, checks, attempts: [] as StoredAttempt[] },
    ]),
  );
  for (const { message_id, no, started_at, ended_at, outcome, detail } of attempts) {
    messages.get(message_id)?.attempts.push({
      no,
      startedAt: Number(started_at),
      endedAt: ended_at === null ? null : Number(ended_at),
      outcome,
      detail,
    });
  }
  return [...messages.values()];
}

/** Lets what is planned for later fall due: another try, or a look at Twilio. */
export async function passTime(
  dataSource: DataSource,
  messages: readonly StoredMessage[],
): Promise<void> {
  const ids = messages.map(({ id }) => `'${id}'`);
  await dataSource.query(
    `UPDATE ${MESSAGE_TABLE} SET due_at = 1 WHERE due_at > 1 AND status IN ('queued', 'unknown', 'sent') AND id IN (${ids})`,
  );
}
