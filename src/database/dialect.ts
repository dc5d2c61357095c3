import type { Combine, RowsStatement } from './transaction.js';

/** The SQL type of a column that is read from a JSON parameter. */
export type JsonColumnType = 'text' | 'int' | 'bigint';
export type JsonColumns = Readonly<Record<string, JsonColumnType>>;

/** What to do with a row that is there already: keep it, or set columns of it from the new row. */
export type OnConflict = 'keep' | { key: readonly string[]; update: readonly string[] };

/** The leading columns of an index: which rows, in which groups, the least of what. */
export interface GroupColumns {
  readonly of: string;
  readonly group: string;
  readonly least: string;
}

/** Yields `group` and `least` for every group of the rows that have the value. */
export interface LeastByGroup {
  readonly sql: string;
  /** How often the value is passed. */
  readonly parameters: number;
}

/** All that differs between the supported databases. In SQL texts `?` stands for a parameter. */
export interface Dialect {
  /** Isolation level to ask for, where the default is stricter than read committed. */
  readonly isolation?: 'READ COMMITTED';
  /** Suffix that locks the selected rows until commit. */
  readonly forUpdate: string;
  /** The same, passing over rows that another node has locked. */
  readonly skipLocked: string;
  /** A query for the bytes that a statement may have, where they bind. */
  readonly packetSize?: string;
  /** The time of the database, in milliseconds since 1970. */
  readonly now: string;
  /**
   * A query that finds the groups of a table's rows, and the least value in each, from both ends of an index alone: it
   * must cost the same however many rows a group has. Takes the value of `of` as its parameters.
   */
  leastByGroup(table: string, columns: GroupColumns): LeastByGroup;
  /** A column, written so that no index is used for it; absent where statistics tell which one is worth while. */
  readonly withoutIndex?: (column: string) => string;
  /** Rewrites the `?` of a statement into the placeholders of the driver. */
  placeholders(sql: string): string;
  /** A query that yields the rows of one JSON array parameter. */
  rows(columns: JsonColumns): string;
  /**
   * The parameters that hold the rows: one, or several where it would be too large for the database.
   * @throws DatabaseError when one row alone is too large
   */
  jsonBatches(rows: readonly object[]): readonly string[];
  insert(table: string, columns: JsonColumns, onConflict?: OnConflict): RowsStatement;
  /**
   * Updates rows that are found by the columns in `key`.
   * @param where a further condition; `r` stands for the new row
   */
  update(
    table: string,
    columns: JsonColumns,
    key: readonly string[],
    where?: string,
  ): RowsStatement;
  /**
   * Deletes rows that are found by the column `key`.
   * @param where a further condition
   */
  remove(table: string, key: string, where?: string): RowsStatement;
  /** How statements that write travel together, if they can. */
  readonly combined?: Combine;
  /** Whether the transaction may succeed when it is simply run again. */
  isDeadlock(error: unknown): boolean;
}
