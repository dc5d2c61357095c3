import type { Database } from '#library/database/database.js';
import type { JsonColumns } from '#library/database/dialect.js';
import { batch, type Transaction } from '#library/database/transaction.js';
import { ATTEMPT_TABLE } from '#library/delivery/attempt.entity.js';
import {
  ENDED_COLUMNS,
  endedRow,
  EVENT_COLUMNS,
  eventRow,
  STARTED_COLUMNS,
  startedRow,
  STATE_COLUMNS,
  stateRow,
} from '#library/delivery/ledger.rows.js';
import { initialState, type MessageState } from '#library/delivery/message-state.js';
import { MESSAGE_TABLE } from '#library/delivery/message.entity.js';
import { NOTIFICATION_TABLE } from '#library/delivery/notification.entity.js';
import { DELIVERY_EVENT_TABLE } from '#library/events/delivery-event.entity.js';
import { USER_TABLE } from '#library/users/user.entity.js';
import { senderKey } from '#library/delivery/sender-key.js';
import {
  ACCOUNT_SID,
  createdAt,
  messageId,
  messageSid,
  phoneNumber,
  SENDER,
  TEXT,
  userName,
  USERS,
} from './fixtures.js';

const BATCH = 10_000;
const OWN = { accountSid: ACCOUNT_SID, address: SENDER };
const DAY_MS = 86_400_000;

/** The rows of a table: one for each index. */
interface Filling {
  readonly table: string;
  readonly columns: JsonColumns;
  readonly row: (index: number) => object;
}

/** Users whose phone numbers are known. */
export const fillUsers = (database: Database): Promise<void> => fill(database, [USER], USERS);

/** Messages of the module that were sent a moment ago. */
export const fillMessages = (
  database: Database,
  instanceId: string,
  count: number,
): Promise<void> => fill(database, fillingsOf(instanceId), count);

/** The same messages in the tables of the usual design. */
export const fillUsual = (database: Database, count: number): Promise<void> =>
  fill(database, [USUAL_MESSAGE], count);

async function fill(
  database: Database,
  fillings: readonly Filling[],
  count: number,
): Promise<void> {
  for (let from = 0; from < count; from += BATCH) {
    const indices = Array.from(
      { length: Math.min(BATCH, count - from) },
      (_, index) => from + index,
    );
    await database.transaction(function* (): Transaction<void> {
      for (const { table, columns, row } of fillings) {
        yield* batch(database.dialect.insert(table, columns, 'keep'), indices.map(row));
      }
    });
  }
}

const USER: Filling = {
  table: USER_TABLE,
  columns: {
    identifier: 'text',
    profile: 'text',
    phone_number: 'text',
    created_at: 'bigint',
    updated_at: 'bigint',
  },
  row: (index) => ({
    identifier: userName(index),
    profile: JSON.stringify({ phoneNumber: phoneNumber(index) }),
    phone_number: phoneNumber(index),
    created_at: createdAt(0),
    updated_at: createdAt(0),
  }),
};

const USUAL_MESSAGE: Filling = {
  table: 'usual_message',
  columns: {
    id: 'text',
    to_address: 'text',
    body: 'text',
    status: 'text',
    sid: 'text',
    created_at: 'bigint',
    updated_at: 'bigint',
  },
  row: (index) => ({
    id: messageId(index),
    to_address: `whatsapp:${phoneNumber(index)}`,
    body: TEXT,
    status: 'sent',
    sid: messageSid(index),
    created_at: createdAt(index),
    updated_at: createdAt(index),
  }),
};

const fillingsOf = (instanceId: string): Filling[] => [
  {
    table: NOTIFICATION_TABLE,
    columns: { id: 'text', parameters: 'text', created_at: 'bigint' },
    row: (index) => ({
      id: messageId(index),
      parameters: JSON.stringify({ Body: TEXT, From: `whatsapp:${SENDER}` }),
      created_at: createdAt(index),
    }),
  },
  {
    table: MESSAGE_TABLE,
    columns: {
      ...STATE_COLUMNS,
      request_id: 'text',
      recipient: 'text',
      instance_id: 'text',
      to_address: 'text',
      from_address: 'text',
      sender: 'text',
      created_at: 'bigint',
    },
    row: (index) => ({
      ...stateRow(messageId(index), sentState(index)),
      request_id: messageId(index),
      recipient: userName(index),
      instance_id: instanceId,
      to_address: phoneNumber(index),
      from_address: SENDER,
      sender: senderKey(instanceId, OWN, OWN),
      created_at: createdAt(index),
    }),
  },
  {
    table: ATTEMPT_TABLE,
    columns: { ...STARTED_COLUMNS, ...ENDED_COLUMNS },
    row: (index) => {
      const attempt = {
        no: 1,
        startedAt: createdAt(index),
        endedAt: createdAt(index),
        outcome: 'accepted',
        httpStatus: 201,
        sid: messageSid(index),
      } as const;
      return { ...startedRow(messageId(index), attempt), ...endedRow(messageId(index), attempt) };
    },
  },
  {
    table: DELIVERY_EVENT_TABLE,
    columns: EVENT_COLUMNS,
    row: (index) =>
      eventRow(messageId(index), {
        type: 'sent',
        providerStatus: 'queued',
        sid: messageSid(index),
        errorCode: 0,
        source: 'response',
        occurredAt: createdAt(index),
      }),
  },
];

const sentState = (index: number): MessageState => ({
  // Nobody shall ask Twilio about it meanwhile.
  ...initialState(Date.now() + DAY_MS, createdAt(index) + DAY_MS),
  status: 'sent',
  fence: 2,
  attempts: 1,
  sid: messageSid(index),
  sentAt: createdAt(index),
});
