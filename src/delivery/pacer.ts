import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { DatabaseClock } from '../database/database-clock.js';
import type { JsonColumns } from '../database/dialect.js';
import { Database } from '../database/database.js';
import { batch, query, type Transaction, type Write } from '../database/transaction.js';
import { BackgroundLoop } from '../lifecycle/background-loop.js';
import { afterSending, available, untilWorthwhile, type Rate } from './gcra.js';
import { PACE_TABLE } from './pace.entity.js';

const COLUMNS = { id: 'text', ahead_until: 'bigint' } satisfies JsonColumns;

/** How long a sender must not have been restricted for its row to be removed, and how often that is looked for. */
const IDLE_MS = 3_600_000;
const IDLE_BATCH = 500;

/** What a sender or an account may send while a transaction holds its row. */
export class Allowance {
  isSpent = false;

  constructor(
    private readonly rate: Rate,
    private readonly now: number,
    private ahead: number,
  ) {}

  /** Up to when what was sent is paid for, in microseconds since 1970. */
  get aheadUntil(): number {
    return this.ahead;
  }

  get left(): number {
    return available(this.ahead, this.now, this.rate);
  }

  /** Milliseconds until it is worth another look. */
  get restMs(): number {
    return Math.ceil(untilWorthwhile(this.ahead, this.now, this.rate) / 1000);
  }

  spend(count: number): void {
    if (count === 0) return;
    this.ahead = afterSending(count, this.ahead, this.now, this.rate);
    this.isSpent = true;
  }
}

interface PaceRow {
  id: string;
  ahead_until: string | number;
}

/** Keeps the pace of senders and accounts in the database, so that it holds for all nodes together. */
@Injectable()
export class Pacer implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger(Pacer.name);
  private readonly loop = new BackgroundLoop((error) =>
    this.logger.error('The pace of idle senders could not be removed; it is tried again', error),
  );

  constructor(
    private readonly database: Database,
    private readonly clock: DatabaseClock,
  ) {}

  onApplicationBootstrap(): void {
    this.loop.start(() => this.forgetIdle(), IDLE_MS);
  }

  onModuleDestroy(): void {
    this.loop.stop();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.loop.ended();
  }

  /**
   * Locks the rows of those whose rates are given, until the transaction ends.
   *
   * @param at milliseconds since 1970
   * @returns their allowances; without those that another node holds at this moment
   */
  *open(rates: ReadonlyMap<string, Rate>, at: number): Transaction<Map<string, Allowance>> {
    if (rates.size === 0) return new Map();
    const ids = [...rates.keys()].toSorted();
    const { dialect } = this.database;
    // Each id by itself: to find a list in JSON, MariaDB would look at, and lock, every row there is.
    const find = `SELECT id, ahead_until FROM ${PACE_TABLE} WHERE id IN (${ids.map(() => '?')}) ORDER BY id`;
    let rows = yield* query<PaceRow>(find + dialect.skipLocked, ...ids);
    if (rows.length < rates.size) {
      const known = new Set((yield* query<PaceRow>(find, ...ids)).map(({ id }) => id));
      const missing = ids.filter((id) => !known.has(id));
      yield* batch(
        dialect.insert(PACE_TABLE, COLUMNS, 'keep'),
        missing.map((id) => ({ id, ahead_until: 0 })),
      );
      if (missing.length > 0) rows = yield* query<PaceRow>(find + dialect.skipLocked, ...ids);
    }
    return new Map(
      rows.map(({ id, ahead_until }) => [
        id,
        new Allowance(rates.get(id)!, at * 1000, Number(ahead_until)),
      ]),
    );
  }

  /** Writes down what was spent. */
  spent(allowances: ReadonlyMap<string, Allowance>): Write {
    return {
      statement: this.database.dialect.update(PACE_TABLE, COLUMNS, ['id']),
      rows: [...allowances].flatMap(([id, { isSpent, aheadUntil }]) =>
        isSpent ? [{ id, ahead_until: aheadUntil }] : [],
      ),
    };
  }

  /**
   * Removes the rows of those who have sent nothing for an hour: a row whose time is past allows what a missing one
   * does. Rows that a claim holds stay, and a claim that meets a row on its way out looks again.
   */
  async forgetIdle(): Promise<void> {
    const before = (this.clock.now() - IDLE_MS) * 1000;
    let removed = IDLE_BATCH;
    while (removed === IDLE_BATCH && !this.loop.isStopping) {
      removed = await this.database.transaction(() => this.removeIdle(before));
    }
  }

  /** @param before microseconds since 1970 */
  private *removeIdle(before: number): Transaction<number> {
    const { dialect } = this.database;
    const rows = yield* query<{ id: string }>(
      `SELECT id FROM ${PACE_TABLE} WHERE ahead_until < ? LIMIT ${IDLE_BATCH}${dialect.skipLocked}`,
      before,
    );
    // One by one: to delete a list, MariaDB would lock every row there is, and wait for those that are held.
    if (rows.length > 0) {
      yield { sql: `DELETE FROM ${PACE_TABLE} WHERE id = ?`, runs: rows.map(({ id }) => [id]) };
    }
    return rows.length;
  }
}
