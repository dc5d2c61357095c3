import type { Dialect, JsonColumns } from '../database/dialect.js';
import { batch, query, type Transaction } from '../database/transaction.js';
import { ATTEMPT_TABLE } from '../delivery/attempt.entity.js';
import { MESSAGE_TABLE } from '../delivery/message.entity.js';
import { NOTIFICATION_TABLE } from '../delivery/notification.entity.js';
import { DELIVERY_EVENT_TABLE } from '../events/delivery-event.entity.js';

/** Messages that one transaction erases at most. */
export const BATCH = 200;

/** Nothing will be sent of them and nobody asks Twilio about them any more. */
const FINISHED = `(status IN ('delivered', 'seen', 'discarded') OR (status = 'sent' AND due_at IS NULL))
  AND COALESCE(seen_at, delivered_at, discarded_at, sent_at) <= ?`;

/** What is erased of each table: columns that are not in the row become NULL. */
export const REDACTED = {
  [MESSAGE_TABLE]: {
    id: 'text',
    recipient: 'text',
    to_address: 'text',
    explanation: 'text',
    redacted_at: 'bigint',
  },
  [ATTEMPT_TABLE]: { message_id: 'text', detail: 'text' },
  [DELIVERY_EVENT_TABLE]: { message_id: 'text', explanation: 'text', raw: 'text' },
  [NOTIFICATION_TABLE]: {
    id: 'text',
    parameters: 'text',
    data: 'text',
    fingerprint: 'text',
    redacted_at: 'bigint',
  },
} satisfies Record<string, JsonColumns>;

/** What to erase: messages of these notifications that were finished by then. */
export interface Erasure {
  readonly requestIds: readonly string[];
  /** Milliseconds since 1970. */
  readonly finishedBy: number;
  /** By the database's clock, in milliseconds since 1970. */
  readonly now: number;
}

/**
 * Takes the content out of a batch of messages, and out of the notifications whose messages are all without.
 *
 * @param pseudonym what takes the place of an identifier that is a phone number
 * @returns how many messages were redacted; less than {@link BATCH} when none is left
 */
export function* redact(
  dialect: Dialect,
  { requestIds, finishedBy, now }: Erasure,
  pseudonym: (identifier: string) => string,
): Transaction<number> {
  const rows = yield* finished(dialect, requestIds, finishedBy, 'AND redacted_at IS NULL');
  const ofMessages = rows.map(({ id }) => ({ message_id: id }));
  yield* batch(
    dialect.update(MESSAGE_TABLE, REDACTED[MESSAGE_TABLE], ['id']),
    rows.map(({ id, recipient }) => ({
      id,
      recipient: PHONE_NUMBER.test(recipient) ? pseudonym(recipient) : recipient,
      redacted_at: now,
    })),
  );
  for (const table of [ATTEMPT_TABLE, DELIVERY_EVENT_TABLE] as const) {
    yield* batch(dialect.update(table, REDACTED[table], ['message_id']), ofMessages);
  }
  if (rows.length < BATCH) {
    yield* batch(
      dialect.update(
        NOTIFICATION_TABLE,
        REDACTED[NOTIFICATION_TABLE],
        ['id'],
        hasNoMessage('AND m.redacted_at IS NULL'),
      ),
      requestIds.map((id) => ({ id, parameters: '{}', redacted_at: now })),
    );
  }
  return rows.length;
}

/**
 * Deletes a batch of messages with their attempts and events, and the notifications that have no message any more.
 *
 * @returns how many messages were deleted; less than {@link BATCH} when none is left
 */
export function* purge(dialect: Dialect, { requestIds, finishedBy }: Erasure): Transaction<number> {
  const rows = yield* finished(dialect, requestIds, finishedBy);
  const ofMessages = rows.map(({ id }) => ({ message_id: id }));
  for (const table of [ATTEMPT_TABLE, DELIVERY_EVENT_TABLE]) {
    yield* batch(dialect.remove(table, 'message_id'), ofMessages);
  }
  yield* batch(
    dialect.remove(MESSAGE_TABLE, 'id'),
    rows.map(({ id }) => ({ id })),
  );
  if (rows.length < BATCH) {
    yield* batch(
      dialect.remove(NOTIFICATION_TABLE, 'id', hasNoMessage()),
      requestIds.map((id) => ({ id })),
    );
  }
  return rows.length;
}

/** Locks finished messages; those that somebody else holds are left for later. */
const finished = (
  dialect: Dialect,
  requestIds: readonly string[],
  finishedBy: number,
  condition = '',
): Transaction<{ id: string; recipient: string }[]> =>
  query(
    `SELECT id, recipient FROM ${MESSAGE_TABLE} WHERE request_id IN (${dialect.rows({
      id: 'text',
    })}) AND ${FINISHED} ${condition} ORDER BY id LIMIT ${BATCH}${dialect.skipLocked}`,
    JSON.stringify(requestIds.map((id) => ({ id }))),
    finishedBy,
  );

const hasNoMessage = (condition = ''): string =>
  `NOT EXISTS (SELECT 1 FROM ${MESSAGE_TABLE} m WHERE m.request_id = ${NOTIFICATION_TABLE}.id ${condition})`;

/** What people take for a phone number, with or without the punctuation that they like. */
const PHONE_NUMBER = /^(whatsapp:)?\+?[\d\s().-]{7,}$/;
