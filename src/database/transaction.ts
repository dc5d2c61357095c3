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

/** Selects by many rows, which travel as the first parameter of the statement, in one {@link Transaction}. */
export function* selectBy<Row>(
  dialect: { jsonBatches(rows: readonly object[]): readonly string[] },
  sql: string,
  rows: readonly object[],
): Transaction<Row[]> {
  const found: Row[] = [];
  for (const json of dialect.jsonBatches(rows)) {
    for (const row of yield* query<Row>(sql, json)) found.push(row);
  }
  return found;
}

/** A statement for many rows, in the way that suits the database best. */
export interface RowsStatement {
  readonly sql: string;
  /** The parameters of each time that the statement is run: once for all rows, for some of them, or for each. */
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
  const statements = parts.map(({ statement: { sql, runs }, rows }) => ({ sql, runs: runs(rows) }));
  if (combined && parts.length > 1 && statements.every(({ runs }) => runs.length === 1)) {
    const params = statements.flatMap(({ runs }) => runs[0]);
    yield { sql: combined(statements.map(({ sql }) => sql)), runs: [params] };
  } else {
    yield* statements;
  }
}

/** Makes one statement of several that take their rows as one parameter each. */
export type Combine = (statements: readonly string[]) => string;
