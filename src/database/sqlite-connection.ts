import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { DatabaseError } from './database-error.js';
import type { SqlValue, Statement, Transaction } from './transaction.js';

/** What is used of better-sqlite3, which TypeORM hands out untyped. */
interface BetterSqlite3 {
  readonly inTransaction: boolean;
  readonly memory: boolean;
  readonly name: string;
  exec(sql: string): unknown;
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
/** Milliseconds between two tries to get the lock that another process holds: they grow from the first to the last. */
const LOCK_PAUSES_MS = { first: 2, last: 50 };
/** What better-sqlite3 sets unless it is told otherwise. */
const DRIVER_BUSY_TIMEOUT_MS = 5000;
const LOCKED = /^SQLITE_BUSY/;

/**
 * TypeORM's one connection to SQLite, used beside TypeORM: a transaction runs in one synchronous stretch, so nothing
 * that the host awaits can come in between.
 */
export class SqliteConnection {
  private readonly prepared = new Map<string, Prepared>();
  /** The file that is open; absent for a database in memory. */
  private file?: { readonly path: string; readonly inode: number };
  /** How long the application's own statements wait for a lock, in milliseconds. */
  private busyTimeoutMs = DRIVER_BUSY_TIMEOUT_MS;

  /** @param lockTimeoutMs how long a transaction waits for the lock that another process holds */
  constructor(
    private readonly dataSource: DataSource,
    private readonly lockTimeoutMs: number,
  ) {}

  /** @throws Error when a commit would not be flushed to the disk */
  ensureDurability(): void {
    const path = resolve(this.handle.name);
    if (!this.handle.memory) this.file = { path, inode: statSync(path).ino };
    this.busyTimeoutMs = Number(this.handle.pragma('busy_timeout', { simple: true }));
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
    await this.onceUnlocked(() => {
      const isBusy = Number(this.handle.pragma('wal_checkpoint(TRUNCATE)', { simple: true }));
      if (isBusy)
        throw new DatabaseError({ code: 'SQLITE_BUSY', message: 'the log is being read' });
    });
  }

  /** Runs the statements, each on its own. */
  run<T>(begin: () => Transaction<T>): T {
    const statements = begin();
    let result = statements.next();
    while (!result.done) result = statements.next(this.execute(result.value));
    return result.value;
  }

  /**
   * Runs the statements in a transaction, once the host has none open and no other process writes.
   *
   * @param begin starts the generator; called again when another process held the lock
   * @throws HostTransactionError, DatabaseError
   */
  transaction<T>(begin: () => Transaction<T>): Promise<T> {
    return this.onceUnlocked(() => {
      this.ensureFileIsThere();
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

  /** SQLite itself would wait within the statement, and the whole process with it: here it never waits. */
  private async onceUnlocked<T>(work: () => T): Promise<T> {
    const begun = performance.now();
    let pauseMs = LOCK_PAUSES_MS.first;
    for (;;) {
      // The host's transaction ends by statements we do not see: all we can do is look again.
      while (this.handle.inTransaction) {
        if (performance.now() > begun + HOST_TRANSACTION_MS) throw new HostTransactionError();
        await delay(1);
      }
      try {
        // There is no await since the check, so no other transaction can have begun.
        return this.withoutWaiting(work);
      } catch (error) {
        const isLocked = error instanceof DatabaseError && LOCKED.test(error.code);
        if (!isLocked || performance.now() > begun + this.lockTimeoutMs) throw error;
      }
      await delay(pauseMs);
      pauseMs = Math.min(2 * pauseMs, LOCK_PAUSES_MS.last);
    }
  }

  private withoutWaiting<T>(work: () => T): T {
    this.setBusyTimeout(0);
    try {
      return work();
    } finally {
      this.setBusyTimeout(this.busyTimeoutMs);
    }
  }

  private setBusyTimeout(ms: number): void {
    try {
      this.handle.exec(`PRAGMA busy_timeout = ${ms}`);
    } catch (error) {
      throw new DatabaseError(error);
    }
  }

  /** SQLite goes on in a file that was removed or replaced, and what it stores there is lost. @throws DatabaseError */
  private ensureFileIsThere(): void {
    if (!this.file) return;
    const { path, inode } = this.file;
    if (inodeOf(path) === inode) return;
    throw new DatabaseError({
      code: 'SQLITE_READONLY_DBMOVED',
      message:
        'the file of the database was removed, replaced, or cannot be reached. Put it back, or restart.',
    });
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

/** Undefined for a file that is not there, or on a disk that does not say. */
function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
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
