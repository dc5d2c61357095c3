import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { InjectWhatsappDataSource } from '../twilio-whatsapp.decorators.js';
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
const DEADLOCK_RETRIES = 3;

/** The door to the database: transactions and queries in the dialect at hand. */
@Injectable()
export class Database implements OnModuleInit {
  readonly dialect: Dialect;
  private readonly awaitingCommit = new Map<QueryRunner, (() => void)[]>();
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

  /** Runs one statement of its own; `?` stands for each parameter. */
  async query<Row>(sql: string, ...params: readonly SqlValue[]): Promise<Row[]> {
    const sqlite = this.sqlite;
    if (sqlite) return this.execute(sqlite, { sql, params }) as Row[];
    return this.dataSource.query(this.dialect.placeholders(sql), [...params]);
  }

  /**
   * Runs a transaction and returns after its commit.
   *
   * @param begin starts the generator; called again when the database chose the transaction as a deadlock's victim
   */
  async transaction<T>(begin: () => Transaction<T>): Promise<T> {
    const sqlite = this.sqlite;
    if (sqlite) {
      await hostTransactionEnd(sqlite);
      return this.runInOneStretch(sqlite, begin);
    }
    for (let retries = 0; ; retries++) {
      try {
        const run = (manager: EntityManager) => this.runWithin(manager, begin);
        return await (this.dialect.isolation
          ? this.dataSource.transaction(this.dialect.isolation, run)
          : this.dataSource.transaction(run));
      } catch (error) {
        if (retries === DEADLOCK_RETRIES || !this.dialect.isDeadlock(error)) throw error;
      }
    }
  }

  /** Runs the statements as part of a transaction that somebody else commits. */
  async runWithin<T>(manager: EntityManager, begin: () => Transaction<T>): Promise<T> {
    const statements = begin();
    let result = statements.next();
    while (!result.done) {
      const { sql, params } = result.value;
      const rows: unknown = await manager.query(this.dialect.placeholders(sql), [...params]);
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

  private runInOneStretch<T>(sqlite: SqliteConnection, begin: () => Transaction<T>): T {
    const run = (sql: string) => this.execute(sqlite, { sql, params: [] });
    run('BEGIN IMMEDIATE');
    try {
      const statements = begin();
      let result = statements.next();
      while (!result.done) result = statements.next(this.execute(sqlite, result.value));
      run('COMMIT');
      return result.value;
    } catch (error) {
      if (sqlite.inTransaction) run('ROLLBACK');
      throw error;
    }
  }

  private settle(queryRunner: QueryRunner, isCommitted: boolean): void {
    // A nested transaction ends within the outer one, which is still open.
    if (queryRunner.isTransactionActive) return;
    const waiting = this.awaitingCommit.get(queryRunner) ?? [];
    this.awaitingCommit.delete(queryRunner);
    if (isCommitted) waiting.forEach((callback) => callback());
  }

  private execute(sqlite: SqliteConnection, { sql, params }: Statement): unknown[] {
    let statement = this.statements.get(sql);
    if (!statement) {
      statement = sqlite.prepare(sql);
      this.statements.set(sql, statement);
    }
    if (statement.reader) return statement.all(...params);
    statement.run(...params);
    return [];
  }

  private get sqlite(): SqliteConnection | undefined {
    if (this.dataSource.options.type !== 'better-sqlite3') return undefined;
    return (this.dataSource.driver as unknown as { databaseConnection: SqliteConnection })
      .databaseConnection;
  }
}

/** A host's transaction on the shared connection ends by statements we do not see: all we can do is look again. */
async function hostTransactionEnd(sqlite: SqliteConnection): Promise<void> {
  while (sqlite.inTransaction) await new Promise((resolve) => setTimeout(resolve, 1));
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
