import { setTimeout as delay } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { DatabaseError } from './database-error.js';
import type { SqlValue, Statement, Transaction } from './transaction.js';

/** What is used of better-sqlite3, which TypeORM hands out untyped. */
interface BetterSqlite3 {
  readonly inTransaction: boolean;
  pragma(pragma: string, options?: { simple: boolean }): unknown;
  prepare(sql: string): BetterSqlite3Statement;
}

interface BetterSqlite3Statement {
  readonly reader: boolean;
  raw(): this;
  columns(): { name: string }[];
  all(params: readonly SqlValue[]): SqlValue[][];
  run(params: readonly SqlValue[]): unknown;
}

/** A compiled statement. */
interface Prepared {
  readonly statement: BetterSqlite3Statement;
  /** Names of what it returns; absent when it returns nothing. */
  readonly columns?: readonly string[];
}

const command = (sql: string): Statement => ({ sql, runs: [[]] });
const BEGIN = command('BEGIN IMMEDIATE');
const COMMIT = command('COMMIT');
const ROLLBACK = command('ROLLBACK');

const SYNCHRONOUS_FULL = 2;
/** Pages of the write-ahead log after which it goes into the database: pages that change often go there once. */
const CHECKPOINT_PAGES = 8000;
const HOST_TRANSACTION_MS = 10_000;

/**
 * TypeORM's one connection to SQLite, used beside TypeORM: a transaction runs in one synchronous stretch, so nothing
 * that the host awaits can come in between.
 */
export class SqliteConnection {
  private readonly prepared = new Map<string, Prepared>();

  constructor(private readonly dataSource: DataSource) {}

  /** @throws Error when a commit would not be flushed to the disk */
  ensureDurability(): void {
    this.handle.pragma('synchronous = FULL');
    this.handle.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    const level = Number(this.handle.pragma('synchronous', { simple: true }));
    if (level < SYNCHRONOUS_FULL) {
      throw new Error(
        `SQLite runs with synchronous=${level}: a power loss could take accepted messages. Let the module set FULL.`,
      );
    }
  }

  /** What is deleted is overwritten from now on, instead of left on free pages. */
  overwriteErased(): void {
    this.handle.pragma('secure_delete = ON');
  }

  /** Empties the write-ahead log, where erased content stands until it is overwritten by chance. */
  async dropErased(): Promise<void> {
    await this.onceHostIsDone(() => this.handle.pragma('wal_checkpoint(TRUNCATE)'));
  }

  /** Runs the statements, each on its own. */
  run<T>(begin: () => Transaction<T>): T {
    const statements = begin();
    let result = statements.next();
    while (!result.done) result = statements.next(this.execute(result.value));
    return result.value;
  }

  /** Runs the statements in a transaction, once the host has none open. @throws HostTransactionError */
  transaction<T>(begin: () => Transaction<T>): Promise<T> {
    return this.onceHostIsDone(() => {
      this.execute(BEGIN);
      try {
        const result = this.run(begin);
        this.execute(COMMIT);
        return result;
      } catch (error) {
        if (this.handle.inTransaction) this.execute(ROLLBACK);
        throw error;
      }
    });
  }

  private async onceHostIsDone<T>(work: () => T): Promise<T> {
    const deadline = performance.now() + HOST_TRANSACTION_MS;
    // It ends by statements we do not see: all we can do is look again.
    while (this.handle.inTransaction) {
      if (performance.now() > deadline) throw new HostTransactionError();
      await delay(1);
    }
    // No await from the look to here: nobody else can have begun.
    return work();
  }

  private execute({ sql, runs }: Statement): unknown[] {
    try {
      const { statement, columns } = this.prepared.get(sql) ?? this.prepare(sql);
      if (columns) return statement.all(runs[0]).map((row) => objectOf(columns, row));
      for (const params of runs) statement.run(params);
      return [];
    } catch (error) {
      throw new DatabaseError(error);
    }
  }

  private prepare(sql: string): Prepared {
    const statement = this.handle.prepare(sql);
    const columns = statement.reader
      ? statement
          .raw()
          .columns()
          .map(({ name }) => name)
      : undefined;
    this.prepared.set(sql, { statement, columns });
    return { statement, columns };
  }

  private get handle(): BetterSqlite3 {
    return (this.dataSource.driver as unknown as { databaseConnection: BetterSqlite3 })
      .databaseConnection;
  }
}

/** The driver could make the objects, at half as much again. */
function objectOf(columns: readonly string[], row: readonly SqlValue[]): object {
  const object: Record<string, SqlValue> = {};
  for (let index = 0; index < columns.length; index++) object[columns[index]] = row[index];
  return object;
}

/** An open transaction of the host keeps the module from SQLite's only connection. */
class HostTransactionError extends DatabaseError {
  override readonly name = 'HostTransactionError';

  constructor() {
    super({
      code: 'HOST_TRANSACTION',
      message: `A transaction of the application has been open for ${HOST_TRANSACTION_MS / 1000} s on SQLite's only connection. Pass it along as send(…, { transaction }), and keep it short.`,
    });
  }
}
