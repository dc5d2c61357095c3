import { errorCode } from './sql.js';

/**
 * A statement failed. It carries the code and the driver's words, and nothing of what was being stored: TypeORM's own
 * error holds every parameter, so it never leaves the database folder.
 */
export class DatabaseError extends Error {
  override readonly name: string = 'DatabaseError';
  /** The driver's code, such as `23505` or `ER_DUP_ENTRY`. */
  readonly code: string;
  /** Whether a row with this key is there already. */
  readonly isDuplicate: boolean;
  /** Whether it is what was to be stored that the database refused, not the database that failed. */
  readonly isRefusal: boolean;

  constructor(cause: unknown) {
    const { driverError = cause } = Object(cause) as { driverError?: unknown };
    const { message = 'unknown error', sqlState = '' } = Object(driverError) as {
      message?: string;
      sqlState?: string;
    };
    // Drivers quote values.
    super(`The database failed: ${message.replaceAll(/'[^']*'|"[^"]*"/g, '…').slice(0, 200)}`);
    const code = errorCode(cause);
    this.code = typeof code === 'string' ? code : 'unknown';
    this.isDuplicate = DUPLICATES.has(this.code);
    this.isRefusal = this.isDuplicate || REFUSAL.test(this.code) || REFUSED_STATE.test(sqlState);
  }
}

const DUPLICATES = new Set([
  '23505',
  'ER_DUP_ENTRY',
  'SQLITE_CONSTRAINT_UNIQUE',
  'SQLITE_CONSTRAINT_PRIMARYKEY',
]);
/** SQL's classes 22 (data) and 23 (constraint), as PostgreSQL and SQLite write them. */
const REFUSAL = /^(2[23][0-9A-Z]{3}|SQLITE_(CONSTRAINT|TOOBIG|MISMATCH|RANGE)\w*)$/;
const REFUSED_STATE = /^2[23]/;

/** Makes a failure of TypeORM's or a driver's one of ours. @throws DatabaseError */
export function rethrow(error: unknown): never {
  throw new DatabaseError(error);
}
