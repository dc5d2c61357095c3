import type { Dialect } from './dialect.js';
import {
  assignments,
  conflictClause,
  deletion,
  leapingLeastByGroup,
  matches,
  names,
} from './sql.js';
import type { RowsStatement, SqlValue } from './transaction.js';

export const sqliteDialect: Dialect = {
  // One process writes, and its transactions run in one synchronous stretch: there is nobody to lock out.
  forUpdate: '',
  skipLocked: '',
  now: `CAST(ROUND(unixepoch('subsec') * 1000) AS INTEGER)`,
  leastByGroup: leapingLeastByGroup,
  placeholders: (sql) => sql,
  rows: (columns) =>
    `SELECT ${names(columns).map((name) => `value->>'$.${name}' AS ${name}`)} FROM json_each(?)`,
  insert(table, columns, onConflict) {
    const values = names(columns).map(() => '?');
    return forEachRow(
      `INSERT INTO ${table} (${names(columns)}) VALUES (${values})${conflictClause(onConflict)}`,
      names(columns),
    );
  },
  update(table, columns, key, where) {
    if (where !== undefined) {
      const row = `SELECT ${names(columns).map((name) => `? AS ${name}`)}`;
      return forEachRow(
        `UPDATE ${table} SET ${assignments(columns, key)} FROM (${row}) r WHERE ${matches(table, key, where)}`,
        names(columns),
      );
    }
    // The same without a join costs a quarter less.
    const set = names(columns).filter((name) => !key.includes(name));
    const equals = (name: string) => `${name} = ?`;
    return forEachRow(
      `UPDATE ${table} SET ${set.map(equals)} WHERE ${key.map(equals).join(' AND ')}`,
      [...set, ...key],
    );
  },
  remove(table, key, where) {
    return deletion(table, key, this.rows({ [key]: 'text' }), where);
  },
  isDeadlock: () => false,
};

/** SQLite is in the process: to run a statement again costs less than to take its rows out of JSON. */
function forEachRow(sql: string, order: readonly string[]): RowsStatement {
  return {
    sql,
    runs: (rows) =>
      (rows as readonly Record<string, SqlValue | undefined>[]).map((row) =>
        order.map((name) => row[name] ?? null),
      ),
  };
}
