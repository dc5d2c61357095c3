import { errorCode } from './database-error.js';
import type { Dialect } from './dialect.js';
import { GENEROUS, jsonBatches } from './json-batches.js';
import {
  assignments,
  conflictClause,
  deletion,
  forAllRows,
  leapingLeastByGroup,
  matches,
  names,
} from './sql.js';

const DEADLOCK_DETECTED = '40P01';
const SERIALIZATION_FAILURE = '40001';

export const postgresDialect: Dialect = {
  forUpdate: ' FOR UPDATE',
  skipLocked: ' FOR UPDATE SKIP LOCKED',
  now: '(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint',
  leastByGroup: leapingLeastByGroup,
  placeholders(sql) {
    let index = 0;
    return sql.replaceAll('?', () => `$${++index}`);
  },
  rows: (columns) =>
    `SELECT * FROM json_to_recordset(?::text::json) AS j(${names(columns).map((name) => `${name} ${columns[name]}`)})`,
  jsonBatches: (rows) => jsonBatches(rows, GENEROUS),
  insert(table, columns, onConflict) {
    return forAllRows(
      `INSERT INTO ${table} (${names(columns)}) ${this.rows(columns)}${conflictClause(onConflict)}`,
    );
  },
  update(table, columns, key, where) {
    return forAllRows(
      `UPDATE ${table} SET ${assignments(columns, key)} FROM (${this.rows(columns)}) r WHERE ${matches(table, key, where)}`,
    );
  },
  remove(table, key, where) {
    return deletion(table, key, this.rows({ [key]: 'text' }), where);
  },
  combined: (statements) =>
    `WITH ${statements.map((sql, index) => `w${index} AS (${sql})`).join(', ')} SELECT 1`,
  isDeadlock: (error) =>
    [DEADLOCK_DETECTED, SERIALIZATION_FAILURE].includes(String(errorCode(error))),
};
