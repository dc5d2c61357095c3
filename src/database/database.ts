import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { within } from '../lifecycle/deadline.js';
import { InjectWhatsappDataSource, InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { DatabaseError, rethrow } from './database-error.js';
import type { Dialect } from './dialect.js';
import { LARGEST_PACKET, mysqlDialect, SMALLEST_PACKET, type Packet } from './mysql.dialect.js';
import { postgresDialect } from './postgres.dialect.js';
import { SqliteConnection } from './sqlite-connection.js';
import { StatementDeadlines } from './statement-deadlines.js';
import { sqliteDialect } from './sqlite.dialect.js';
import { query, type SqlValue, type Transaction } from './transaction.js';

const DEADLOCK_RETRIES = 10;
const DEADLOCK_PAUSE_MS = 10;
/** Statements may wait for rows that others hold for longer than callers wait: so many times as long. */
const STATEMENT_PATIENCE = 2;
/** What statements that are still running may take when the application has waited long enough for them. */
const LAST_STATEMENTS_MS = 1000;

/** The door to the database: transactions and queries in the dialect at hand. */
@Injectable()
export class Database implements OnModuleInit, OnModuleDestroy {
  readonly dialect: Dialect;
  /** How large a statement of MySQL or MariaDB may be, in bytes. */
  readonly packet: Packet = { maxBytes: SMALLEST_PACKET };
  /** How long callers wait for the database, in milliseconds; absent for one within the process. */
  readonly timeoutMs?: number;
  private readonly awaitingCommit = new WeakMap<QueryRunner, (() => void)[]>();
  private readonly sqlite?: SqliteConnection;
  private readonly deadlines?: StatementDeadlines;
  private readonly drainTimeoutMs: number;

  constructor(
    @InjectWhatsappDataSource() readonly dataSource: DataSource,
    @InjectWhatsappOptions() { delivery }: Pick<TwilioWhatsappOptions, 'delivery'>,
  ) {
    this.drainTimeoutMs = delivery.drainTimeoutMs;
    this.dialect = dialectOf(dataSource, this.packet);
    if (dataSource.options.type === 'better-sqlite3') {
      this.sqlite = new SqliteConnection(dataSource, delivery.databaseTimeoutMs);
    } else {
      this.timeoutMs = delivery.databaseTimeoutMs;
      this.deadlines = new StatementDeadlines(this.timeoutMs * STATEMENT_PATIENCE);
    }
  }

  /** @throws Error when SQLite would not flush every commit to the disk */
  async onModuleInit(): Promise<void> {
    this.dataSource.subscribers.push({
      afterTransactionCommit: ({ queryRunner }) => this.settle(queryRunner, true),
      afterTransactionRollback: ({ queryRunner }) => this.settle(queryRunner, false),
    });
    if (this.deadlines) this.dataSource.subscribers.push(this.deadlines);
    this.sqlite?.ensureDurability();
    if (this.dialect.packetSize) {
      const [{ bytes }] = await this.query<{ bytes: string | number }>(this.dialect.packetSize);
      this.packet.maxBytes = Math.min(Number(bytes), LARGEST_PACKET);
    }
  }

  /** Frees what waits for a database that answers nothing, once there was time enough to end in good order. */
  onModuleDestroy(): void {
    const { deadlines } = this;
    if (deadlines) {
      setTimeout(() => deadlines.shorten(LAST_STATEMENTS_MS), this.drainTimeoutMs).unref();
    }
  }

  /** The work, for a caller who does not wait for ever. @throws DatabaseError when it takes too long; it may succeed all the same */
  inTime<T>(work: Promise<T>): Promise<T> {
    const { timeoutMs } = this;
    return timeoutMs === undefined ? work : within(work, timeoutMs, () => tooLate(timeoutMs));
  }

  /** Runs one statement of its own; `?` stands for each parameter. @throws DatabaseError */
  query<Row>(sql: string, ...params: readonly SqlValue[]): Promise<Row[]> {
    return this.read(() => query<Row>(sql, ...params));
  }

  /** Runs statements that only read, each on its own. @throws DatabaseError */
  async read<T>(begin: () => Transaction<T>): Promise<T> {
    return this.sqlite
      ? this.sqlite.run(begin)
      : this.onOwnConnection((manager) => this.runWithin(manager, begin));
  }

  /**
   * Runs a transaction and returns after its commit.
   *
   * @param begin starts the generator; called again when the transaction was a deadlock's victim, or SQLite's lock was held
   * @throws DatabaseError, or whatever the generator throws
   */
  transaction<T>(begin: () => Transaction<T>): Promise<T> {
    return this.sqlite ? this.sqlite.transaction(begin) : this.transactWithRetries(begin);
  }

  /** Runs the statements as part of a transaction that somebody else commits. */
  async runWithin<T>(manager: EntityManager, begin: () => Transaction<T>): Promise<T> {
    const statements = begin();
    let result = statements.next();
    while (!result.done) {
      const { sql, runs } = result.value;
      const text = this.dialect.placeholders(sql);
      let rows: unknown;
      for (const params of runs) {
        rows = await manager.query(text, [...params]).catch((error: unknown) => {
          throw new DatabaseError(error, params);
        });
      }
      result = statements.next(Array.isArray(rows) ? rows : []);
    }
    return result.value;
  }

  /** SQLite leaves what is deleted in its file until the place is used again: from now on it is overwritten. */
  overwriteErased(): void {
    this.sqlite?.overwriteErased();
  }

  /** Takes erased content out of SQLite's write-ahead log as well. @throws Error when the application holds a transaction open */
  async dropErased(): Promise<void> {
    await this.sqlite?.dropErased();
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
        return await this.onOwnConnection((manager) =>
          this.dialect.isolation
            ? manager.transaction(this.dialect.isolation, run)
            : manager.transaction(run),
        );
      } catch (error) {
        if (retries < DEADLOCK_RETRIES && this.dialect.isDeadlock(error)) {
          // At random, so that those who met do not meet again.
          await delay(Math.random() * DEADLOCK_PAUSE_MS * (retries + 1));
          continue;
        }
        // What the generator throws is its own; the rest is about connections, BEGIN and COMMIT.
        const isKnown = error === thrownWithin || error instanceof DatabaseError;
        throw isKnown ? error : new DatabaseError(error);
      }
    }
  }

  /** @throws DatabaseError when there is no connection in time */
  private async onOwnConnection<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const queryRunner = this.dataSource.createQueryRunner();
    this.deadlines?.watch(queryRunner);
    const connecting = queryRunner.connect() as Promise<unknown>;
    await this.inTime(connecting).catch((error: unknown) => {
      // One that comes too late goes back to the pool.
      connecting.then(() => queryRunner.release()).catch(() => undefined);
      rethrow(error);
    });
    try {
      return await work(queryRunner.manager);
    } finally {
      await queryRunner.release();
    }
  }

  private settle(queryRunner: QueryRunner, isCommitted: boolean): void {
    // A nested transaction ends within the outer one, which is still open.
    if (queryRunner.isTransactionActive) return;
    const waiting = this.awaitingCommit.get(queryRunner) ?? [];
    this.awaitingCommit.delete(queryRunner);
    if (isCommitted) waiting.forEach((callback) => callback());
  }
}

const tooLate = (ms: number): DatabaseError =>
  new DatabaseError({ code: 'TOO_LATE', message: `no answer within ${ms} ms` });

/** @throws Error for a database that is not supported, naming those that are */
function dialectOf({ options: { type } }: DataSource, packet: Packet): Dialect {
  switch (type) {
    case 'better-sqlite3':
      return sqliteDialect;
    case 'postgres':
      return postgresDialect;
    case 'mysql':
    case 'mariadb':
      return mysqlDialect(packet);
    default:
      throw new Error(
        `The data source type "${type}" is not supported. Use better-sqlite3, postgres, mysql or mariadb.`,
      );
  }
}
