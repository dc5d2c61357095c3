import { setTimeout as delay } from 'node:timers/promises';
import type { QueryRunner } from 'typeorm';
import { errorCode } from '../database-error.js';

/** A number that nobody else locks: the module's name, as far as eight bytes hold it. */
const POSTGRES_LOCK = `x'7477696c696f5f77'::bigint`;
// Locks of MySQL are the server's: each database has its own. Names are 64 characters long at most.
const MYSQL_LOCK = `CONCAT('twilio_whatsapp ', SHA1(DATABASE()))`;
const WAIT_S = 600;
const SQLITE_LOOK_MS = 20;
const SQLITE_BUSY_MS = 5000;

/**
 * Does something that changes the schema while no other process does. The lock belongs to the connection: it ends with
 * the process, however that ends. To take it again on the same connection is harmless.
 *
 * @throws Error when another process holds it for more than ten minutes (MySQL, MariaDB, SQLite)
 */
export function underMigrationLock<T>(
  queryRunner: QueryRunner,
  work: () => Promise<T>,
): Promise<T> {
  switch (queryRunner.connection.options.type) {
    case 'postgres':
      return underPostgresLock(queryRunner, work);
    case 'mysql':
    case 'mariadb':
      return underMysqlLock(queryRunner, work);
    default:
      return underSqliteLock(queryRunner, work);
  }
}

async function underPostgresLock<T>(queryRunner: QueryRunner, work: () => Promise<T>): Promise<T> {
  // What is made in a transaction is not to be seen before its end: until then, others must wait.
  if (queryRunner.isTransactionActive) {
    await queryRunner.query('SET LOCAL lock_timeout = 0');
    await queryRunner.query(`SELECT pg_advisory_xact_lock(${POSTGRES_LOCK})`);
    return work();
  }
  // A time-out that is meant for rows does not limit how long a migration may take.
  await queryRunner.query('SET lock_timeout = 0');
  await queryRunner.query(`SELECT pg_advisory_lock(${POSTGRES_LOCK})`);
  await queryRunner.query('RESET lock_timeout');
  return thenUnlock(work, () => queryRunner.query(`SELECT pg_advisory_unlock(${POSTGRES_LOCK})`));
}

async function underMysqlLock<T>(queryRunner: QueryRunner, work: () => Promise<T>): Promise<T> {
  const [{ got }]: { got: unknown }[] = await queryRunner.query(
    `SELECT GET_LOCK(${MYSQL_LOCK}, ${WAIT_S}) AS got`,
  );
  if (Number(got) !== 1) throw new LockHeldError();
  return thenUnlock(work, () => queryRunner.query(`SELECT RELEASE_LOCK(${MYSQL_LOCK})`));
}

/** SQLite locks its file for who writes: all is done in one transaction that begins by writing. */
async function underSqliteLock<T>(queryRunner: QueryRunner, work: () => Promise<T>): Promise<T> {
  if (queryRunner.isTransactionActive) {
    await writeNothing(queryRunner);
    return work();
  }
  await queryRunner.beforeMigration();
  await beginWriting(queryRunner);
  try {
    const result = await work();
    await queryRunner.commitTransaction();
    return result;
  } catch (error) {
    if (queryRunner.isTransactionActive) await queryRunner.rollbackTransaction();
    throw error;
  } finally {
    await queryRunner.afterMigration();
  }
}

async function beginWriting(queryRunner: QueryRunner): Promise<void> {
  const deadline = performance.now() + WAIT_S * 1000;
  // SQLite waits within a call, and with it everything else in the process: maybe whoever holds the lock.
  await queryRunner.query('PRAGMA busy_timeout = 0');
  try {
    for (;;) {
      await queryRunner.startTransaction();
      try {
        return await writeNothing(queryRunner);
      } catch (error) {
        await queryRunner.rollbackTransaction();
        if (!String(errorCode(error)).startsWith('SQLITE_BUSY')) throw error;
        if (performance.now() > deadline) throw new LockHeldError();
        await delay(SQLITE_LOOK_MS);
      }
    }
  } finally {
    await queryRunner.query(`PRAGMA busy_timeout = ${SQLITE_BUSY_MS}`);
  }
}

async function writeNothing(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query('CREATE TABLE twilio_whatsapp_lock (id int)');
  await queryRunner.query('DROP TABLE twilio_whatsapp_lock');
}

async function thenUnlock<T>(work: () => Promise<T>, unlock: () => Promise<unknown>): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (error) {
    // A connection that cannot unlock is gone, and its locks with it; what went wrong first is what matters.
    await unlock().catch(() => undefined);
    throw error;
  }
  await unlock();
  return result;
}

class LockHeldError extends Error {
  override readonly name = 'LockHeldError';

  constructor() {
    super(
      `Another process has been changing the database's schema for ${WAIT_S / 60} minutes. Start again when it is done, or end it.`,
    );
  }
}
