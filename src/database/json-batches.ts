import { DatabaseError } from './database-error.js';

/** What a database takes in one parameter. */
export interface ParameterLimit {
  readonly maxBytes: number;
  /** Bytes that a text takes on its way to the database. */
  bytesOf(text: string): number;
}

const MIB = 1024 * 1024;
/** No character takes more bytes, whether it is escaped or not. */
const MAX_BYTES_PER_CHARACTER = 3;

/** PostgreSQL and SQLite stop at about a gigabyte; a statement need not come near. */
export const GENEROUS: ParameterLimit = {
  maxBytes: 64 * MIB,
  bytesOf: (text) => Buffer.byteLength(text),
};

/** Bytes of a text as mysql2 sends it: within the statement, with a backslash before whatever means something there. */
export function escapedBytes(text: string): number {
  let bytes = Buffer.byteLength(text);
  for (let index = 0; index < text.length; index++) {
    if (isEscaped(text.charCodeAt(index))) bytes++;
  }
  return bytes;
}

/**
 * Writes rows as JSON arrays, as few as the limit allows.
 *
 * @throws DatabaseError that {@link DatabaseError.isTooLarge} when one row alone is over the limit
 */
export function jsonBatches(rows: readonly object[], limit: ParameterLimit): readonly string[] {
  const whole = JSON.stringify(rows);
  if (whole.length * MAX_BYTES_PER_CHARACTER <= limit.maxBytes) return [whole];
  if (limit.bytesOf(whole) <= limit.maxBytes) return [whole];
  const batches: string[][] = [];
  let room = 0;
  for (const row of rows) {
    const text = JSON.stringify(row);
    // Its comma, or the brackets of the array.
    const bytes = limit.bytesOf(text) + 2;
    if (bytes > limit.maxBytes) throw rowTooLarge(bytes, limit.maxBytes);
    if (bytes > room) {
      batches.push([]);
      room = limit.maxBytes;
    }
    batches.at(-1)!.push(text);
    room -= bytes;
  }
  return batches.map((texts) => `[${texts.join()}]`);
}

const rowTooLarge = (bytes: number, maxBytes: number): DatabaseError =>
  new DatabaseError({
    code: 'ROW_TOO_LARGE',
    message: `a row of ${bytes} bytes, of ${maxBytes} that it takes at once (max_allowed_packet)`,
  });

/** NUL, backspace, tab, newline, carriage return, Ctrl-Z, both quotes and the backslash. */
function isEscaped(code: number): boolean {
  switch (code) {
    case 0:
    case 8:
    case 9:
    case 10:
    case 13:
    case 26:
    case 34:
    case 39:
    case 92:
      return true;
    default:
      return false;
  }
}
