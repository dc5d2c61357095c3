import { Injectable } from '@nestjs/common';
import type { JsonColumns } from '../database/dialect.js';
import { Database } from '../database/database.js';
import { batch, query, type Transaction, type Write } from '../database/transaction.js';
import { afterSending, available, untilWorthwhile, type Rate } from './gcra.js';
import { PACE_TABLE } from './pace.entity.js';

const COLUMNS = { id: 'text', ahead_until: 'bigint' } satisfies JsonColumns;

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
export class Pacer {
  constructor(private readonly database: Database) {}

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
}
