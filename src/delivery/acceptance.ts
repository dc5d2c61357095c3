import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { selectBy, writeAll, type Transaction } from '../database/transaction.js';
import { GroupCommit } from '../database/group-commit.js';
import type { JsonColumns } from '../database/dialect.js';
import { columnsOf } from './ledger.rows.js';
import { MESSAGE_TABLE } from './message.entity.js';
import { NOTIFICATION_TABLE } from './notification.entity.js';
import { NotificationStore } from './notification-store.js';
import { NOBODY } from './sender-key.js';
import type { TwilioParameters } from '../twilio/twilio.gateway.js';
import { UserStore, type ProfileChange } from '../users/user.store.js';

/** The message of one recipient, before it is stored. */
export interface NewMessage {
  readonly id: string;
  readonly recipient: string;
  /** Absent when the recipient cannot be reached; `reason` then says why. */
  readonly to?: string;
  readonly reason?: string;
  readonly dueAt: number;
  /** From when on it is not sent any more. */
  readonly expiresAt: number;
}

/** All that is stored when a notification is accepted. */
export interface NewNotification {
  readonly id: string;
  readonly createdAt: number;
  readonly parameters: TwilioParameters;
  readonly credentials?: string;
  readonly data?: string;
  readonly idempotencyKey?: string;
  readonly fingerprint?: string;
  readonly instanceId: string;
  /** Whose queue the messages wait in; see `senderKey`. */
  readonly sender: string;
  readonly from?: string;
  readonly messages: readonly NewMessage[];
  /** Users that came along with the request, and are new or changed by it. */
  readonly users: readonly ProfileChange[];
}

/** What is stored under the idempotency key: this notification, or an earlier one. */
export interface Accepted {
  readonly requestId: string;
  readonly fingerprint?: string;
}

const NOTIFICATION_COLUMNS = {
  id: 'text',
  parameters: 'text',
  credentials: 'text',
  data: 'text',
  idempotency_key: 'text',
  fingerprint: 'text',
  created_at: 'bigint',
} satisfies JsonColumns;

// What else there is of a message begins as NULL.
const MESSAGE_COLUMNS = {
  ...columnsOf([
    'status',
    'fence',
    'attempts',
    'failedAttempts',
    'dueAt',
    'expiresAt',
    'checks',
    'notFoundCount',
    'reason',
  ]),
  request_id: 'text',
  sender: 'text',
  recipient: 'text',
  instance_id: 'text',
  to_address: 'text',
  from_address: 'text',
  created_at: 'bigint',
} satisfies JsonColumns;

/** Characters, roughly, of a notification that shares a commit: what is larger would make others wait. */
const LIGHT = 40_000;
const MESSAGE_WEIGHT = 500;
/** Characters of a commit: in it they may be escaped twice, and nobody shall wait long for it. */
const MAX_WEIGHT = 2_000_000;

/** Stores accepted notifications with their messages; those that arrive together share a transaction. */
@Injectable()
export class Acceptance {
  private readonly commits = new GroupCommit(
    (waiting: NewNotification[]) => this.database.transaction(() => this.store(waiting)),
    { maxBatch: 256, maxWeight: MAX_WEIGHT, deadlineMs: this.database.timeoutMs },
  );

  constructor(
    private readonly database: Database,
    private readonly users: UserStore,
    private readonly notifications: NotificationStore,
  ) {}

  /** Resolves after the commit. @throws DatabaseError when it is not confirmed in time; it may come about all the same */
  async commit(notification: NewNotification): Promise<Accepted> {
    const { id, parameters } = notification;
    const accepted = await this.grouped(notification);
    if (accepted.requestId === id) {
      this.notifications.keep(id, { parameters, sealedCredentials: notification.credentials });
    }
    return accepted;
  }

  private async grouped(notification: NewNotification): Promise<Accepted> {
    const { users, idempotencyKey } = notification;
    const isFree = users.length === 0 && idempotencyKey === undefined;
    const weight = weightOf(notification);
    if (isFree && weight < LIGHT) return this.commits.add(notification, 0, weight);
    // It may have to wait for a row that somebody else holds: nobody shall wait with it.
    const storing = this.database.transaction(() => this.store([notification]));
    // What is heavy takes its time; each of its statements has a deadline.
    const [accepted] = await (weight < LIGHT ? this.database.inTime(storing) : storing);
    return accepted;
  }

  /** The statements that store the notifications, for whoever commits them. */
  *store(notifications: readonly NewNotification[]): Transaction<Accepted[]> {
    const { dialect } = this.database;
    // A key that is taken keeps its notification; anything else that collides would be a bug.
    const insert = dialect.insert(NOTIFICATION_TABLE, NOTIFICATION_COLUMNS, 'keep');
    const stored = { statement: insert, rows: notifications.map(notificationRow) };
    const isKeyed = notifications.some(({ idempotencyKey }) => idempotencyKey !== undefined);
    if (isKeyed) yield* writeAll([stored]);
    const accepted = yield* this.underTheirKeys(notifications);
    const fresh = notifications.filter(({ id }, index) => accepted[index].requestId === id);
    yield* this.users.merge(fresh.flatMap(({ users }) => users));
    const messages = {
      statement: dialect.insert(MESSAGE_TABLE, MESSAGE_COLUMNS),
      rows: fresh.flatMap(messageRows),
    };
    yield* writeAll(isKeyed ? [messages] : [stored, messages], dialect.combined);
    return accepted;
  }

  private *underTheirKeys(notifications: readonly NewNotification[]): Transaction<Accepted[]> {
    const keys = notifications.flatMap(({ idempotencyKey: key }) =>
      key ? [{ idempotency_key: key }] : [],
    );
    // Locked, to see what is there now: a transaction of a host may look at an older state.
    const rows =
      keys.length === 0
        ? []
        : yield* selectBy<{ idempotency_key: string; id: string; fingerprint: string }>(
            this.database.dialect,
            `SELECT idempotency_key, id, fingerprint FROM ${NOTIFICATION_TABLE} WHERE idempotency_key IN (${this.database.dialect.rows(
              { idempotency_key: 'text' },
            )})${this.database.dialect.forUpdate}`,
            keys,
          );
    const byKey = new Map(rows.map((row) => [row.idempotency_key, row]));
    return notifications.map(({ id, idempotencyKey, fingerprint }) => {
      const stored = idempotencyKey === undefined ? undefined : byKey.get(idempotencyKey);
      return stored
        ? { requestId: stored.id, fingerprint: stored.fingerprint }
        : { requestId: id, fingerprint };
    });
  }
}

const weightOf = ({ parameters, data = '', messages, users }: NewNotification): number =>
  JSON.stringify(parameters).length +
  data.length +
  (messages.length + users.length) * MESSAGE_WEIGHT;

const notificationRow = (notification: NewNotification): object => ({
  id: notification.id,
  parameters: JSON.stringify(notification.parameters),
  credentials: notification.credentials,
  data: notification.data,
  idempotency_key: notification.idempotencyKey,
  fingerprint: notification.fingerprint,
  created_at: notification.createdAt,
});

const messageRows = (notification: NewNotification): object[] =>
  notification.messages.map(({ id, recipient, to, reason, dueAt, expiresAt }) => ({
    id,
    status: 'queued',
    fence: 0,
    attempts: 0,
    failed_attempts: 0,
    due_at: dueAt,
    expires_at: expiresAt,
    checks: 0,
    not_found_count: 0,
    // Of a message without address: it is given up for this reason when it is due.
    reason,
    request_id: notification.id,
    sender: to === undefined ? NOBODY : notification.sender,
    recipient,
    instance_id: notification.instanceId,
    to_address: to,
    from_address: notification.from,
    created_at: notification.createdAt,
  }));
