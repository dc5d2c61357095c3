import { isDoneWithin, within } from '../lifecycle/deadline.js';
import { DatabaseError } from './database-error.js';

interface Pending<Item, Result> {
  readonly item: Item;
  readonly weight: number;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/** How items are put together. */
export interface GroupCommitOptions {
  /** Items that are committed together at most. @default 500 */
  readonly maxBatch: number;
  /** What the weights of items that are committed together come to at most; one alone may be heavier. @default no bound */
  readonly maxWeight: number;
  /** Whether an error comes from what a batch holds. @default whatever is not the database's own failure */
  readonly isPoison: (error: unknown) => boolean;
  /**
   * How long to gather more where commits of hardly anything follow each other at once, in milliseconds: of callers
   * with a new connection each, the event loop lets one in at a time. @default not at all
   */
  readonly gatherMs?: number;
  /**
   * How long a commit may take, in milliseconds: then its callers hear that it was not confirmed, whatever it comes to
   * later. After a fifth of that the next one begins beside it, on another connection. @default for ever
   */
  readonly deadlineMs?: number;
}

/** Items that are hardly worth a commit. */
const FEW = 8;
/** Items for which a commit is made, whatever their patience. */
const WORTH_WHILE = 128;
/** Of its deadline: what a commit takes that probably has a connection which is dead. */
const STALLED = 1 / 5;

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
    private readonly commit: (items: Item[]) => Promise<readonly Result[]>,
    options: Partial<GroupCommitOptions> = {},
  ) {
    this.options = { maxBatch: 500, maxWeight: Infinity, isPoison: isRefusal, ...options };
  }

  /**
   * Resolves after the commit that holds the item.
   *
   * @param patienceMs how long the item may wait for a commit that others need, or that is worth while
   * @param weight what it counts of the most that is committed together
   */
  add(item: Item, patienceMs = 0, weight = 0): Promise<Result> {
    const done = new Promise<Result>((resolve, reject) => {
      this.pending.push({ item, weight, resolve, reject });
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
      const batch = this.take();
      this.isDue = this.pending.length > 0;
      await this.unlessStalled(this.flush(batch));
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

  private take(): Pending<Item, Result>[] {
    const { maxBatch, maxWeight } = this.options;
    let count = 0;
    let weight = 0;
    for (const pending of this.pending) {
      weight += pending.weight;
      if (count === maxBatch || (count > 0 && weight > maxWeight)) break;
      count++;
    }
    return this.pending.splice(0, count);
  }

  private async unlessStalled(flushing: Promise<void>): Promise<void> {
    const { deadlineMs } = this.options;
    await (deadlineMs === undefined ? flushing : isDoneWithin(flushing, deadlineMs * STALLED));
  }

  private commitInTime(batch: readonly Pending<Item, Result>[]): Promise<readonly Result[]> {
    const { deadlineMs } = this.options;
    const results = this.commit(batch.map(({ item }) => item));
    return deadlineMs === undefined
      ? results
      : within(results, deadlineMs, () => unconfirmed(deadlineMs));
  }

  private async flush(batch: Pending<Item, Result>[]): Promise<void> {
    try {
      const results = await this.commitInTime(batch);
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

const unconfirmed = (ms: number): DatabaseError =>
  new DatabaseError({ code: 'TOO_LATE', message: `a commit was not confirmed within ${ms} ms` });

/** Whatever is not the database's own failure comes from an item, or from how many there are. */
const isRefusal = (error: unknown): boolean =>
  !(error instanceof DatabaseError) || error.isRefusal || error.mayBeTooLarge;
