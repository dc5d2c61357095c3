import { DatabaseError } from './database-error.js';

interface Pending<Item, Result> {
  readonly item: Item;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/** How items are put together. */
export interface GroupCommitOptions {
  /** Items that are committed together at most. @default 500 */
  readonly maxBatch: number;
  /** Whether an error comes from what a batch holds. @default whatever is not the database's own failure */
  readonly isPoison: (error: unknown) => boolean;
  /**
   * How long to gather more where commits of hardly anything follow each other at once, in milliseconds: of callers
   * with a new connection each, the event loop lets one in at a time. @default not at all
   */
  readonly gatherMs?: number;
}

/** Items that are hardly worth a commit. */
const FEW = 8;
/** Items for which a commit is made, whatever their patience. */
const WORTH_WHILE = 128;

/**
 * Commits all items that are waiting in one transaction, while the next ones gather.
 *
 * It does not wait to fill a batch, unless that is asked for. When what a batch holds is refused, it is committed in
 * halves, and these likewise, so that a poisonous item does not fail its neighbours; when the database itself fails, all of
 * them do.
 */
export class GroupCommit<Item, Result> {
  private pending: Pending<Item, Result>[] = [];
  private running?: Promise<void>;
  private isDue = false;
  private endedAt = -Infinity;
  private timer?: NodeJS.Timeout;
  private readonly options: GroupCommitOptions;

  /** @param commit stores the items in one transaction and returns a result for each, in order */
  constructor(
    private readonly commit: (items: Item[]) => Promise<Result[]>,
    options: Partial<GroupCommitOptions> = {},
  ) {
    this.options = { maxBatch: 500, isPoison: isRefusal, ...options };
  }

  /**
   * Resolves after the commit that holds the item.
   *
   * @param patienceMs how long the item may wait for a commit that others need, or that is worth while
   */
  add(item: Item, patienceMs = 0): Promise<Result> {
    const done = new Promise<Result>((resolve, reject) => {
      this.pending.push({ item, resolve, reject });
    });
    if (patienceMs === 0 || this.pending.length >= WORTH_WHILE) this.start();
    else this.timer ??= setTimeout(() => this.start(), patienceMs);
    return done;
  }

  private start(): void {
    this.isDue = true;
    this.running ??= this.run();
  }

  private async run(): Promise<void> {
    while (this.isDue) {
      await this.gather();
      clearTimeout(this.timer);
      this.timer = undefined;
      const batch = this.pending.splice(0, this.options.maxBatch);
      this.isDue = this.pending.length > 0;
      await this.flush(batch);
      this.endedAt = performance.now();
    }
    this.running = undefined;
  }

  private async gather(): Promise<void> {
    // All that this turn of the event loop reads from its sockets travels in one batch.
    await new Promise((resolve) => setImmediate(resolve));
    const { gatherMs = 0 } = this.options;
    const isTrickle = this.pending.length < FEW && performance.now() - this.endedAt < gatherMs;
    if (isTrickle) await new Promise((resolve) => setTimeout(resolve, gatherMs));
  }

  private async flush(batch: Pending<Item, Result>[]): Promise<void> {
    try {
      const results = await this.commit(batch.map(({ item }) => item));
      batch.forEach((pending, index) => pending.resolve(results[index]));
    } catch (error) {
      if (batch.length > 1 && this.options.isPoison(error)) {
        const half = Math.ceil(batch.length / 2);
        await this.flush(batch.slice(0, half));
        await this.flush(batch.slice(half));
      } else {
        batch.forEach((pending) => pending.reject(error));
      }
    }
  }
}

/** Whatever is not the database's own failure comes from an item, or from how many there are. */
const isRefusal = (error: unknown): boolean =>
  !(error instanceof DatabaseError) || error.isRefusal || error.mayBeTooLarge;
