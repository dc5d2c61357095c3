import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { DatabaseClock } from '../database/database-clock.js';
import { Database } from '../database/database.js';
import { GroupCommit } from '../database/group-commit.js';
import { newId } from '../database/time-ordered-id.js';
import { batch, query, type Transaction } from '../database/transaction.js';
import { Acceptance } from '../delivery/acceptance.js';
import { NOTIFICATION_TABLE } from '../delivery/notification.entity.js';
import { NOBODY } from '../delivery/sender-key.js';

/** The notification that was accepted under a key. */
export interface KeyedNotification {
  readonly requestId: string;
  /** Of the request that came with the key; absent once retention has erased it. */
  readonly fingerprint?: string | null;
}

/** Finds what was accepted under idempotency keys. */
@Injectable()
export class IdempotencyKeys {
  private readonly lookups = new GroupCommit(
    (keys: string[]) => this.database.read(() => this.areKnown(keys)),
    { deadlineMs: this.database.timeoutMs },
  );

  constructor(
    private readonly database: Database,
    private readonly acceptance: Acceptance,
    private readonly clock: DatabaseClock,
  ) {}

  /**
   * What was accepted under the key before.
   *
   * @param transaction on whose connection to look, for callers that hold one
   */
  async find(key: string, transaction?: EntityManager): Promise<KeyedNotification | undefined> {
    // Nearly every key is new: a plain lookup finds that out. What it finds may still be taken back: SQLite's one
    // connection shows what a transaction of the host has not committed.
    const [known] = transaction
      ? await this.database.runWithin(transaction, () => this.areKnown([key]))
      : [await this.lookups.add(key)];
    return known ? this.settled(key, transaction) : undefined;
  }

  /**
   * What was accepted under the key, once everyone who is storing something under it has committed or not: to be asked
   * before a request is refused, because the one that it repeats may be about to commit.
   */
  settled(key: string, transaction?: EntityManager): Promise<KeyedNotification | undefined> {
    const reserve = () => this.reserve(key);
    return transaction
      ? this.database.runWithin(transaction, reserve)
      : this.database.inTime(this.database.transaction(reserve));
  }

  /** Stores an empty notification and takes it back: there is no other way to wait for a row that is not there yet. */
  private *reserve(key: string): Transaction<KeyedNotification | undefined> {
    const now = this.clock.now();
    const id = newId(now);
    const [accepted] = yield* this.acceptance.store([
      {
        id,
        createdAt: now,
        parameters: {},
        idempotencyKey: key,
        instanceId: '',
        sender: NOBODY,
        messages: [],
        users: [],
      },
    ]);
    if (accepted.requestId !== id) return accepted;
    yield* batch(this.database.dialect.remove(NOTIFICATION_TABLE, 'id'), [{ id }]);
    return undefined;
  }

  private *areKnown(keys: readonly string[]): Transaction<boolean[]> {
    const rows = yield* query<{ idempotency_key: string }>(
      `SELECT idempotency_key FROM ${NOTIFICATION_TABLE} WHERE idempotency_key IN (${this.database.dialect.rows(
        { idempotency_key: 'text' },
      )})`,
      JSON.stringify(keys.map((key) => ({ idempotency_key: key }))),
    );
    const found = new Set(rows.map(({ idempotency_key: key }) => key));
    return keys.map((key) => found.has(key));
  }
}
