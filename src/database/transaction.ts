export type SqlValue = string | number | null;

/** One statement of a transaction; `?` stands for each parameter. */
export interface Statement {
  readonly sql: string;
  /** The parameters of each time that it is run. */
  readonly runs: readonly (readonly SqlValue[])[];
}

/**
 * A transaction, written as a generator that yields its statements through {@link query}.
 *
 * It can hold no foreign `await`, so SQLite can run it in one synchronous stretch. That is what keeps it apart from
 * the transactions of a host: TypeORM shares a single SQLite connection and interleaves whatever awaits on it.
 */
export type Transaction<T> = Generator<Statement, T, unknown[]>;

/** Runs one statement inside a {@link Transaction}: `const rows = yield* query<Row>(sql, params)`. */
export function* query<Row = never>(
  sql: string,
  ...params: readonly SqlValue[]
): Transaction<Row[]> {
  return (yield { sql, runs: [params] }) as Row[];
}

/** A statement for many rows, in the way that suits the database best. */
export interface RowsStatement {
  readonly sql: string;
  /** The parameters of each time that the statement is run: once for all rows, or once for each of them. */
  readonly runs: (rows: readonly object[]) => readonly (readonly SqlValue[])[];
}

/** Rows, and the statement that writes them. */
export interface Write {
  readonly statement: RowsStatement;
  readonly rows: readonly object[];
}

/** Runs a statement for many rows; nothing when there are none. */
export function* batch({ sql, runs }: RowsStatement, rows: readonly object[]): Transaction<void> {
  if (rows.length > 0) yield { sql, runs: runs(rows) };
}

/**
 * Writes rows of several kinds, of which none needs to see another.
 *
 * @param combined makes one statement of several, where the database knows how: each costs a way there and back
 */
export function* writeAll(writes: readonly Write[], combined?: Combine): Transaction<void> {
  const parts = writes.filter(({ rows }) => rows.length > 0);
  if (combined && parts.length > 1) {
    const params = parts.flatMap(({ statement, rows }) => statement.runs(rows).flat());
    yield { sql: combined(parts.map(({ statement }) => statement.sql)), runs: [params] };
  } else {
    for (const { statement, rows } of parts) yield* batch(statement, rows);
  }
}

/** Makes one statement of several that take their rows as one parameter each. */
export type Combine = (statements: readonly string[]) => string;
