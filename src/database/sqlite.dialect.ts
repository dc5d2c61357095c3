import type { Dialect } from './dialect.js';
import { assignments, conflictClause, matches, names } from './sql.js';

export const sqliteDialect: Dialect = {
  // One process writes, and its transactions run in one synchronous stretch: there is nobody to lock out.
  forUpdate: '',
  skipLocked: '',
  now: `CAST(ROUND(unixepoch('subsec') * 1000) AS INTEGER)`,
  placeholders: (sql) => sql,
  rows: (columns) =>
    `SELECT ${names(columns).map((name) => `value->>'$.${name}' AS ${name}`)} FROM json_each(?)`,
  insert(table, columns, onConflict) {
    // `WHERE true` keeps the parser from reading ON CONFLICT as part of a join.
    return `INSERT INTO ${table} (${names(columns)}) SELECT * FROM (${this.rows(columns)}) r WHERE true${conflictClause(onConflict)}`;
  },
  update(table, columns, key, where) {
    return `UPDATE ${table} SET ${assignments(columns, key)} FROM (${this.rows(columns)}) r WHERE ${matches(table, key, where)}`;
  },
  isDeadlock: () => false,
};
