import { Injectable, type OnModuleInit } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { InjectWhatsappDataSource } from '../twilio-whatsapp.decorators.js';
import { DatabaseError } from './database-error.js';
import type { Dialect } from './dialect.js';
import { mysqlDialect } from './mysql.dialect.js';
import { postgresDialect } from './postgres.dialect.js';
import { sqliteDialect } from './sqlite.dialect.js';

export type SqlValue = string | number | null;

/** One statement of a transaction; `?` stands for each parameter. */
export interface Statement {
  readonly sql: string;
  readonly params: readonly SqlValue[];
}

/**
 * A transaction, written as a generator that yields its statements through {@link query}.
 *
 * It can hold no foreign `await`, so SQLite can run it in one synchronous stretch. That is what keeps it apart from
 * the transactions of a host: TypeORM shares a single SQLite connection and interleaves whatever awaits on it.
 */
export type Transaction<T> = Generator<Statement, T, unknown[]>;

/** Runs one statement inside a {@link Transaction}: `const rows = yield* query<Row>(sql, params)`. */
export function* query<Row = never>(
  sql: string,
  ...params: readonly SqlValue[]
): Transaction<Row[]> {
  return (yield { sql, params }) as Row[];
}

/** Runs one statement for many rows, which travel as one JSON parameter; nothing when there are none. */
export function* batch(sql: string, rows: readonly object[]): Transaction<void> {
  if (rows.length > 0) yield* query(sql, JSON.stringify(rows));
}

/** What is used of better-sqlite3, which TypeORM hands out untyped. */
interface SqliteConnection {
  readonly inTransaction: boolean;
  pragma(pragma: string, options?: { simple: boolean }): unknown;
  prepare(sql: string): {
    readonly reader: boolean;
    all(...params: readonly SqlValue[]): unknown[];
    run(...params: readonly SqlValue[]): unknown;
  };
}

const SYNCHRONOUS_FULL = 2;
const DEADLOCK_RETRIES = 10;
const DEADLOCK_PAUSE_MS = 10;
const HOST_TRANSACTION_MS = 10_000;

/** The door to the database: transactions and queries in the dialect at hand. */
@Injectable()
export class Database implements OnModuleInit {
  readonly dialect: Dialect;
  private readonly awaitingCommit = new WeakMap<QueryRunner, (() => void)[]>();
  private readonly statements = new Map<string, ReturnType<SqliteConnection['prepare']>>();

  constructor(@InjectWhatsappDataSource() readonly dataSource: DataSource) {
    this.dialect = dialectOf(dataSource);
  }

  /** @throws Error when SQLite would not flush every commit to the disk */
  onModuleInit(): void {
    this.dataSource.subscribers.push({
      afterTransactionCommit: ({ queryRunner }) => this.settle(queryRunner, true),
      afterTransactionRollback: ({ queryRunner }) => this.settle(queryRunner, false),
    });
    const sqlite = this.sqlite;
    if (!sqlite) return;
    sqlite.pragma('synchronous = FULL');
    const level = Number(sqlite.pragma('synchronous', { simple: true }));
    if (level < SYNCHRONOUS_FULL) {
      throw new Error(
        `SQLite runs with synchronous=${level}: a power loss could take accepted messages. Let the module set FULL.`,
      );
    }
  }

  /** Runs one statement of its own; `?` stands for each parameter. @throws DatabaseError */
  query<Row>(sql: string, ...params: readonly SqlValue[]): Promise<Row[]> {
    return this.read(() => query<Row>(sql, ...params));
  }

  /** Runs statements that only read, each on its own. @throws DatabaseError */
  async read<T>(begin: () => Transaction<T>): Promise<T> {
    const sqlite = this.sqlite;
    return sqlite
      ? this.runSynchronously(sqlite, begin)
      : this.runWithin(this.dataSource.manager, begin);
  }

  /**
   * Runs a transaction and returns after its commit.
   *
   * @param begin starts the generator; called again when the database chose the transaction as a deadlock's victim
   * @throws DatabaseError, or whatever the generator throws
   */
  transaction<T>(begin: () => Transaction<T>): Promise<T> {
    const sqlite = this.sqlite;
    return sqlite ? this.transactInOneStretch(sqlite, begin) : this.transactWithRetries(begin);
  }

  /** Runs the statements as part of a transaction that somebody else commits. */
  async runWithin<T>(manager: EntityManager, begin: () => Transaction<T>): Promise<T> {
    const statements = begin();
    let result = statements.next();
    while (!result.done) {
      const { sql, params } = result.value;
      const rows = await manager
        .query<unknown>(this.dialect.placeholders(sql), [...params])
        .catch(rethrow);
      result = statements.next(Array.isArray(rows) ? rows : []);
    }
    return result.value;
  }

  /** Calls back when the transaction of the manager has committed. */
  afterCommit({ queryRunner }: EntityManager, callback: () => void): void {
    if (!queryRunner?.isTransactionActive) return callback();
    const waiting = this.awaitingCommit.get(queryRunner) ?? [];
    this.awaitingCommit.set(queryRunner, [...waiting, callback]);
  }

  private async transactWithRetries<T>(begin: () => Transaction<T>): Promise<T> {
    for (let retries = 0; ; retries++) {
      let thrownWithin: unknown;
      const run = (manager: EntityManager) =>
        this.runWithin(manager, begin).catch((error: unknown) => {
          thrownWithin = error;
          throw error;
        });
      try {
        return await (this.dialect.isolation
          ? this.dataSource.transaction(this.dialect.isolation, run)
          : this.dataSource.transaction(run));
      } catch (error) {
        if (retries < DEADLOCK_RETRIES && this.dialect.isDeadlock(error)) {
          // At random, so that those who met do not meet again.
          await delay(Math.random() * DEADLOCK_PAUSE_MS * (retries + 1));
          continue;
        }
        // What the generator throws is its own; the rest is about connections, BEGIN and COMMIT.
        throw error === thrownWithin ? error : new DatabaseError(error);
      }
    }
  }

  private async transactInOneStretch<T>(
    sqlite: SqliteConnection,
    begin: () => Transaction<T>,
  ): Promise<T> {
    const deadline = performance.now() + HOST_TRANSACTION_MS;
    // A host's transaction on the shared connection ends by statements we do not see: all we can do is look again.
    while (sqlite.inTransaction) {
      if (performance.now() > deadline) throw new HostTransactionError();
      await delay(1);
    }
    // No await from the look to here: nobody else can have begun.
    const run = (sql: string) => this.execute(sqlite, { sql, params: [] });
    run('BEGIN IMMEDIATE');
    try {
      const result = this.runSynchronously(sqlite, begin);
      run('COMMIT');
      return result;
    } catch (error) {
      if (sqlite.inTransaction) run('ROLLBACK');
      throw error;
    }
  }

  private runSynchronously<T>(sqlite: SqliteConnection, begin: () => Transaction<T>): T {
    const statements = begin();
    let result = statements.next();
    while (!result.done) result = statements.next(this.execute(sqlite, result.value));
    return result.value;
  }

  private settle(queryRunner: QueryRunner, isCommitted: boolean): void {
    // A nested transaction ends within the outer one, which is still open.
    if (queryRunner.isTransactionActive) return;
    const waiting = this.awaitingCommit.get(queryRunner) ?? [];
    this.awaitingCommit.delete(queryRunner);
    if (isCommitted) waiting.forEach((callback) => callback());
  }

  private execute(sqlite: SqliteConnection, { sql, params }: Statement): unknown[] {
    try {
      let statement = this.statements.get(sql);
      if (!statement) {
        statement = sqlite.prepare(sql);
        this.statements.set(sql, statement);
      }
      if (statement.reader) return statement.all(...params);
      statement.run(...params);
      return [];
    } catch (error) {
      throw new DatabaseError(error);
    }
  }

  private get sqlite(): SqliteConnection | undefined {
    if (this.dataSource.options.type !== 'better-sqlite3') return undefined;
    return (this.dataSource.driver as unknown as { databaseConnection: SqliteConnection })
      .databaseConnection;
  }
}

function rethrow(error: unknown): never {
  throw new DatabaseError(error);
}

/** An open transaction of the host keeps the module from SQLite's only connection. */
class HostTransactionError extends Error {
  override readonly name = 'HostTransactionError';

  constructor() {
    super(
      `A transaction of the application has been open for ${HOST_TRANSACTION_MS / 1000} s on SQLite's only connection. Pass it along as send(…, { transaction }), and keep it short.`,
    );
  }
}

/** @throws Error for a database that is not supported, naming those that are */
function dialectOf({ options: { type } }: DataSource): Dialect {
  switch (type) {
    case 'better-sqlite3':
      return sqliteDialect;
    case 'postgres':
      return postgresDialect;
    case 'mysql':
    case 'mariadb':
      return mysqlDialect;
    default:
      throw new Error(
        `The data source type "${type}" is not supported. Use better-sqlite3, postgres, mysql or mariadb.`,
      );
  }
}
