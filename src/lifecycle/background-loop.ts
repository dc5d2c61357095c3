import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

/** Work that is done over and over beside everything else, until the application stops. */
export class BackgroundLoop {
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>[] = [];

  /** @param onError told of each time that the work failed; it is done again all the same */
  constructor(private readonly onError: (error: unknown) => void) {
    // Much may rest at once.
    setMaxListeners(0, this.stopping.signal);
  }

  get isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  /** Begins to do the work, with a rest of so many milliseconds in between. */
  start(work: () => Promise<void>, restMs: number): void {
    this.running.push(this.repeat(work, restMs));
  }

  /** Ends with what is under way. */
  stop(): void {
    this.stopping.abort();
  }

  /**
   * Resolves when nothing is under way any more, or the deadline has passed.
   *
   * @param deadlineMs how long to wait at most, in milliseconds; without it, as long as it takes
   * @returns whether everything has ended
   */
  async ended(deadlineMs?: number): Promise<boolean> {
    const ended = Promise.all(this.running).then(() => true);
    if (deadlineMs === undefined) return ended;
    let deadline: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      deadline = setTimeout(resolve, deadlineMs, false);
    });
    try {
      return await Promise.race([ended, late]);
    } finally {
      clearTimeout(deadline);
    }
  }

  /** Waits, but not beyond the stop. */
  async rest(ms: number): Promise<void> {
    const { signal } = this.stopping;
    await delay(ms, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }

  private async repeat(work: () => Promise<void>, restMs: number): Promise<void> {
    while (!this.isStopping) {
      try {
        await work();
      } catch (error) {
        this.onError(error);
      }
      await this.rest(restMs);
    }
  }
}
