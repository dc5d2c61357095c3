import { errorCode } from './database-error.js';
import type { Dialect, JsonColumnType } from './dialect.js';
import { escapedBytes, jsonBatches, type ParameterLimit } from './json-batches.js';
import { forAllRows, matches, names } from './sql.js';

const JSON_TABLE_TYPES: Record<JsonColumnType, string> = {
  text: 'LONGTEXT',
  int: 'INT',
  bigint: 'BIGINT',
};

/** How large a statement may be; known once the server was asked. */
export interface Packet {
  maxBytes: number;
}

/** What the servers with the smallest packets take. */
export const SMALLEST_PACKET = 1024 * 1024;
/** Larger statements are not faster, stand in memory twice, and take longer than a statement may. */
export const LARGEST_PACKET = 4 * 1024 * 1024;
/** For the statement around the parameter. */
const STATEMENT_BYTES = 32 * 1024;

/** MySQL from 8.0 and MariaDB from 10.6: both have JSON_TABLE and SKIP LOCKED. */
export const mysqlDialect = (packet: Packet): Dialect =>
  dialectWithin({
    get maxBytes() {
      return packet.maxBytes - STATEMENT_BYTES;
    },
    bytesOf: escapedBytes,
  });

const dialectWithin = (limit: ParameterLimit): Dialect => ({
  isolation: 'READ COMMITTED',
  forUpdate: ' FOR UPDATE',
  skipLocked: ' FOR UPDATE SKIP LOCKED',
  packetSize: 'SELECT @@max_allowed_packet AS bytes',
  now: 'CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)',
  // A loose scan of the index; leaping as the others do, MariaDB reads every row, and ends after a thousand leaps.
  leastByGroup: (table, { of, group, least }) => ({
    sql: `SELECT ${group}, MIN(${least}) AS ${least} FROM ${table} WHERE ${of} = ? GROUP BY ${of}, ${group}`,
    parameters: 1,
  }),
  placeholders: (sql) => sql,
  rows: (columns) =>
    `SELECT * FROM JSON_TABLE(?, '$[*]' COLUMNS(${names(columns).map(
      (name) => `${name} ${JSON_TABLE_TYPES[columns[name]]} PATH '$.${name}'`,
    )})) j`,
  jsonBatches: (rows) => jsonBatches(rows, limit),
  insert(table, columns, onConflict) {
    const insert = `INSERT INTO ${table} (${names(columns)}) ${this.rows(columns)}`;
    if (!onConflict) return forAllRows(insert, limit);
    const [first] = names(columns);
    const set =
      onConflict === 'keep'
        ? `${first} = ${table}.${first}`
        : onConflict.update.map((name) => `${name} = VALUES(${name})`).join(', ');
    return forAllRows(`${insert} ON DUPLICATE KEY UPDATE ${set}`, limit);
  },
  update(table, columns, key, where) {
    const set = names(columns)
      .filter((name) => !key.includes(name))
      .map((name) => `${table}.${name} = r.${name}`);
    return forAllRows(
      `UPDATE ${table} JOIN (${this.rows(columns)}) r ON ${matches(table, key, where)} SET ${set}`,
      limit,
    );
  },
  remove(table, key, where) {
    // Joined: MariaDB would look at every row of the table to delete those that a subquery names.
    return forAllRows(
      `DELETE ${table} FROM ${table} JOIN (${this.rows({ [key]: 'text' })}) r ON ${matches(table, [key], where)}`,
      limit,
    );
  },
  isDeadlock: (error) => errorCode(error) === 'ER_LOCK_DEADLOCK',
});
