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
  /** Whether what was to be stored is more than the database takes at once. */
  readonly isTooLarge: boolean;
  /** Whether a connection broke under a statement so large that its size may be why. */
  readonly mayBeTooLarge: boolean;
  /** Whether it is what was to be stored that the database refused, not the database that failed. */
  readonly isRefusal: boolean;
  /** Whether the database cannot do it now: it is gone, full, overloaded, or takes too long. Another time it may. */
  readonly isUnavailable: boolean;

  /** @param params what the statement was sent with */
  constructor(cause: unknown, params: readonly unknown[] = []) {
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
    this.isTooLarge = TOO_LARGE.has(this.code);
    this.isRefusal =
      this.isDuplicate ||
      this.isTooLarge ||
      REFUSAL.test(this.code) ||
      REFUSED_STATE.test(sqlState);
    this.mayBeTooLarge = LOST.has(this.code) && params.some(isLarge);
    this.isUnavailable =
      !this.isRefusal &&
      (UNAVAILABLE.test(this.code) ||
        (this.code === 'unknown' && DISCONNECTED.test(message)) ||
        (this.code === 'SQLITE_ERROR' && TABLE_GONE.test(message)));
  }
}

const DUPLICATES = new Set([
  '23505',
  'ER_DUP_ENTRY',
  'SQLITE_CONSTRAINT_UNIQUE',
  'SQLITE_CONSTRAINT_PRIMARYKEY',
]);
const TOO_LARGE = new Set(['ROW_TOO_LARGE', 'ER_NET_PACKET_TOO_LARGE', '54000', 'SQLITE_TOOBIG']);
/** A server that refuses a packet ends the connection: on the way, that may overtake the refusal. */
const LOST = new Set(['ECONNRESET', 'EPIPE', 'PROTOCOL_CONNECTION_LOST']);
/** SQL's classes 22 (data) and 23 (constraint), as PostgreSQL and SQLite write them. */
const REFUSAL = /^(2[23][0-9A-Z]{3}|SQLITE_(CONSTRAINT|MISMATCH|RANGE)\w*)$/;
const REFUSED_STATE = /^2[23]/;
/** Connections, resources, locks, rights, servers that end or only read, databases that are gone or damaged. */
const UNAVAILABLE = new RegExp(
  `^(${[
    // PostgreSQL
    '(08|28|53|57P|58)[0-9A-Z]+|XX00[12]|57014|55P03|40001|40P01|25P03|25006|3D000|42501|42P01',
    // MySQL and MariaDB
    'PROTOCOL_\\w+|POOL_\\w+|ER_LOCK_\\w+|ER_CON_COUNT_ERROR|ER_TOO_MANY_USER_CONNECTIONS|ER_SERVER_SHUTDOWN',
    'ER_CONNECTION_KILLED|ER_QUERY_(INTERRUPTED|TIMEOUT)|ER_STATEMENT_TIMEOUT|ER_NET_\\w+|ER_DISK_FULL|ER_RECORD_FILE_FULL',
    'ER_OPTION_PREVENTS_STATEMENT|ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION|ER_READ_ONLY_MODE|ER_OUT_OF\\w+|ER_OUTOFMEMORY',
    'ER_BAD_DB_ERROR|ER_NO_DB_ERROR|ER_NO_SUCH_TABLE|ER_\\w*ACCESS_DENIED\\w*|ER_ERROR_ON_WRITE|ER_GET_ERRNO|ER_INNODB_READ_ONLY',
    'ER_ERROR_DURING_COMMIT|ER_USER_LIMIT_REACHED|EE_\\w+',
    // SQLite
    'SQLITE_(BUSY|LOCKED|FULL|IOERR|READONLY|CANTOPEN|NOMEM|PERM|PROTOCOL|CORRUPT|NOTADB)\\w*|HOST_TRANSACTION',
    // The way there, and the module's own patience with it.
    'E(CONN\\w+|PIPE|TIMEDOUT|HOST\\w+|NET\\w+|NOTFOUND|AI_AGAIN)|STATEMENT_TIMEOUT|TOO_LATE',
  ].join('|')})$`,
);
/** What pools and drivers say without a code. */
const DISCONNECTED =
  /time-?out|terminated|killed|closed|not queryable|not connected|not established|pool/i;
const TABLE_GONE = /^no such table: twilio_whatsapp_/;
/** Characters that may be a packet of the smallest size. */
const LARGE = 256 * 1024;
const isLarge = (param: unknown): boolean => typeof param === 'string' && param.length > LARGE;

/** The code that the database driver attached to an error, also when TypeORM wrapped it. */
export function errorCode(error: unknown): unknown {
  const { code, driverError } = error as { code?: unknown; driverError?: { code?: unknown } };
  return driverError?.code ?? code;
}

/** Makes a failure of TypeORM's or a driver's one of ours. @throws DatabaseError */
export function rethrow(error: unknown): never {
  throw error instanceof DatabaseError ? error : new DatabaseError(error);
}
