import type { Dialect } from './dialect.js';
import { GENEROUS, jsonBatches } from './json-batches.js';
import { conflictClause, deletion, leapingLeastByGroup, names } from './sql.js';
import type { RowsStatement, SqlValue } from './transaction.js';

export const sqliteDialect: Dialect = {
  // One process writes, and its transactions run in one synchronous stretch: there is nobody to lock out.
  forUpdate: '',
  skipLocked: '',
  now: `CAST(ROUND(unixepoch('subsec') * 1000) AS INTEGER)`,
  leastByGroup: leapingLeastByGroup,
  withoutIndex: (column) => `+${column}`,
  placeholders: (sql) => sql,
  rows: (columns) =>
    `SELECT ${names(columns).map((name) => `value->>'$.${name}' AS ${name}`)} FROM json_each(?)`,
  jsonBatches: (rows) => jsonBatches(rows, GENEROUS),
  insert(table, columns, onConflict) {
    const values = names(columns).map(() => '?');
    return forEachRow(
      `INSERT INTO ${table} (${names(columns)}) VALUES (${values})${conflictClause(onConflict)}`,
      names(columns),
    );
  },
  update(table, columns, key, where) {
    const set = names(columns).filter((name) => !key.includes(name));
    const order = [...set, ...key];
    // A join with the new row would cost a third more.
    const condition = where?.replaceAll(/\br\.(\w+)/g, (_all, name: string) => {
      order.push(name);
      return '?';
    });
    const found = [...key.map((name) => `${name} = ?`), ...(condition ? [`(${condition})`] : [])];
    return forEachRow(
      `UPDATE ${table} SET ${set.map((name) => `${name} = ?`)} WHERE ${found.join(' AND ')}`,
      order,
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
