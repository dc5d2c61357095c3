/** Where a form is run. */
export interface Circumstances {
  readonly store: StoreName;
  /** `sqlite`, or the URL of a server. */
  readonly databaseUrl: string;
  /** How often it disturbs. */
  readonly times: number;
  readonly seed: number;
  /** Whether the product is to break its promise, to show that this would be seen. */
  readonly isControl: boolean;
}

export type StoreName = 'SQLite' | 'PostgreSQL' | 'MariaDB';

/** What came of a form on one store. */
export interface Verdict {
  readonly isKept: boolean;
  readonly figures: object;
}

/** One way to disturb. */
export interface ChaosForm {
  /** How often it disturbs, unless it is told otherwise. */
  readonly times: number;
  readonly stores: readonly StoreName[];
  /** Whether it starts a database of its own. */
  readonly bringsDatabase?: boolean;
  /** What the machine lacks to run it. */
  missing?(): string | undefined;
  run(circumstances: Circumstances): Promise<Verdict>;
}

/** SQLite has one process by its nature. */
export const nodesOn = (store: StoreName, nodes = 3): number => (store === 'SQLite' ? 1 : nodes);
