import type { GroupColumns, JsonColumns, LeastByGroup, OnConflict } from './dialect.js';
import { GENEROUS, jsonBatches, type ParameterLimit } from './json-batches.js';
import type { RowsStatement } from './transaction.js';

export const names = (columns: JsonColumns): string[] => Object.keys(columns);

/** A statement whose rows travel as one JSON parameter, or as several where they are too large for one. */
export const forAllRows = (sql: string, limit: ParameterLimit = GENEROUS): RowsStatement => ({
  sql,
  runs: (rows) => jsonBatches(rows, limit).map((json) => [json]),
});

/** `a = r.a, …` for every column that is not part of the key. */
export const assignments = (columns: JsonColumns, key: readonly string[]): string =>
  names(columns)
    .filter((name) => !key.includes(name))
    .map((name) => `${name} = r.${name}`)
    .join(', ');

/** The condition that joins a row of the table to its new row. */
export const matches = (table: string, key: readonly string[], where?: string): string =>
  [...key.map((name) => `${table}.${name} = r.${name}`), ...(where ? [`(${where})`] : [])].join(
    ' AND ',
  );

/** The `ON CONFLICT` clause that SQLite and PostgreSQL share. */
export function conflictClause(onConflict?: OnConflict): string {
  if (!onConflict) return '';
  if (onConflict === 'keep') return ' ON CONFLICT DO NOTHING';
  const set = onConflict.update.map((name) => `${name} = excluded.${name}`);
  return ` ON CONFLICT (${onConflict.key}) DO UPDATE SET ${set}`;
}

/** The deletion by key that SQLite and PostgreSQL share. */
export const deletion = (table: string, key: string, rows: string, where = 'true'): RowsStatement =>
  forAllRows(`DELETE FROM ${table} WHERE ${key} IN (${rows}) AND (${where})`);

/** Jumps from group to group along the index: SQLite and PostgreSQL read nothing in between. */
export function leapingLeastByGroup(
  table: string,
  { of, group, least }: GroupColumns,
): LeastByGroup {
  const rows = `FROM ${table} t WHERE t.${of} = ?`;
  const sql = `WITH RECURSIVE g (${group}) AS (
      SELECT MIN(t.${group}) ${rows}
      UNION ALL
      SELECT (SELECT MIN(t.${group}) ${rows} AND t.${group} > g.${group}) FROM g WHERE g.${group} IS NOT NULL
    )
    SELECT ${group}, (SELECT MIN(t.${least}) ${rows} AND t.${group} = g.${group} AND t.${least} IS NOT NULL) AS ${least}
    FROM g WHERE ${group} IS NOT NULL`;
  return { sql, parameters: 3 };
}
