import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { isDoneWithin } from './deadline.js';

/** Work that is done over and over beside everything else, until the application stops. */
export class BackgroundLoop {
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>[] = [];
  private stoppedAt = 0;

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
    this.stoppedAt = performance.now();
    this.stopping.abort();
  }

  /**
   * Resolves when nothing is under way any more, or the deadline has passed.
   *
   * @param deadlineMs after which it is waited for no longer, counted from the stop: loops may be waited for in turn
   * @returns whether everything has ended
   */
  async ended(deadlineMs?: number): Promise<boolean> {
    const ended = Promise.all(this.running);
    if (deadlineMs !== undefined) {
      return isDoneWithin(ended, this.stoppedAt + deadlineMs - performance.now());
    }
    await ended;
    return true;
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
