interface Pending<Item, Result> {
  readonly item: Item;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/**
 * Commits all items that are waiting in one transaction, while the next ones gather.
 *
 * It never waits to fill a batch. When a batch fails, its items are committed one by one, so that a poisonous one
 * does not fail its neighbours.
 */
export class GroupCommit<Item, Result> {
  private pending: Pending<Item, Result>[] = [];
  private running?: Promise<void>;

  /** @param commit stores the items in one transaction and returns a result for each, in order */
  constructor(
    private readonly commit: (items: Item[]) => Promise<Result[]>,
    private readonly maxBatch = 500,
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
      if (batch.length === 1) return batch[0].reject(error);
      for (const single of batch) await this.flush([single]);
    }
  }
}
