/** A file that could not be replayed. */
interface HeldFile {
  readonly tries: number;
  /** When it is tried again, by the monotonic clock. */
  readonly dueAt: number;
  readonly problem: string;
  /** How many callbacks had been recorded before it failed for the first time. */
  readonly recordedBefore: number;
}

/** Why a file is held. */
export interface HoldReason {
  readonly problem: string;
  /** How many callbacks had been recorded before this try. */
  readonly recordedBefore: number;
  /** Whether it is not tried again by this process. */
  readonly isFinal: boolean;
}

/** With the rest doubling from a second, two minutes. */
const MAX_TRIES = 8;

/** The files of the spool that are tried again later, less and less often. */
export class HeldFiles {
  private readonly files = new Map<string, HeldFile>();

  /** @param restMs how long a file rests after the first try, in milliseconds */
  constructor(private readonly restMs: number) {}

  has(name: string): boolean {
    return this.files.has(name);
  }

  /** Which of these files to try now: those that failed least often first. */
  due(names: readonly string[]): string[] {
    const now = performance.now();
    return names
      .filter((name) => (this.files.get(name)?.dueAt ?? 0) <= now)
      .toSorted((a, b) => this.triesOf(a) - this.triesOf(b));
  }

  /** Whether the try that just failed was the last one. */
  isTriedOut(name: string): boolean {
    return this.triesOf(name) + 1 >= MAX_TRIES;
  }

  recordedBefore(name: string): number {
    return this.files.get(name)?.recordedBefore ?? Infinity;
  }

  /** Counts a try that failed. @returns whether the file was not held for this problem before */
  hold(name: string, { problem, recordedBefore, isFinal }: HoldReason): boolean {
    const before = this.files.get(name);
    const tries = Math.min(this.triesOf(name) + 1, MAX_TRIES);
    this.files.set(name, {
      tries,
      dueAt: isFinal ? Infinity : performance.now() + this.restMs * 2 ** (tries - 1),
      problem,
      recordedBefore: before?.recordedBefore ?? recordedBefore,
    });
    return before?.problem !== problem;
  }

  /** Forgets the files that are gone. */
  keepOnly(names: readonly string[]): void {
    const there = new Set(names);
    for (const name of this.files.keys()) if (!there.has(name)) this.files.delete(name);
  }

  private triesOf(name: string): number {
    return this.files.get(name)?.tries ?? 0;
  }
}
