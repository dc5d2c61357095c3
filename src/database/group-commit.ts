import { DatabaseError } from './database-error.js';

interface Pending<Item, Result> {
  readonly item: Item;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/**
 * Commits all items that are waiting in one transaction, while the next ones gather.
 *
 * It never waits to fill a batch. When what a batch holds is refused, its items are committed one by one, so that a
 * poisonous one does not fail its neighbours; when the database itself fails, all of them do.
 */
export class GroupCommit<Item, Result> {
  private pending: Pending<Item, Result>[] = [];
  private running?: Promise<void>;

  /** @param commit stores the items in one transaction and returns a result for each, in order */
  constructor(
    private readonly commit: (items: Item[]) => Promise<Result[]>,
    private readonly maxBatch = 500,
    private readonly isPoison: (error: unknown) => boolean = isRefusal,
  ) {}

  /** Resolves after the commit that holds the item. */
  add(item: Item): Promise<Result> {
    const done = new Promise<Result>((resolve, reject) => {
      this.pending.push({ item, resolve, reject });
    });
    this.running ??= this.run();
    return done;
  }

  private async run(): Promise<void> {
    while (this.pending.length > 0) {
      // All that this turn of the event loop reads from its sockets travels in one batch.
      await new Promise((resolve) => setImmediate(resolve));
      await this.flush(this.pending.splice(0, this.maxBatch));
    }
    this.running = undefined;
  }

  private async flush(batch: Pending<Item, Result>[]): Promise<void> {
    try {
      const results = await this.commit(batch.map(({ item }) => item));
      batch.forEach((pending, index) => pending.resolve(results[index]));
    } catch (error) {
      if (batch.length > 1 && this.isPoison(error)) {
        for (const single of batch) await this.flush([single]);
      } else {
        batch.forEach((pending) => pending.reject(error));
      }
    }
  }
}

/** Whatever is not the database's own failure comes from an item. */
const isRefusal = (error: unknown): boolean => !(error instanceof DatabaseError) || error.isRefusal;
