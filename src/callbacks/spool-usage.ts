/** Which part of the spool a callback may use: whether a token in memory signed it. */
export type SpoolShare = 'verified' | 'unverified';

/** What the spool holds at most. */
export interface SpoolLimits {
  readonly maxFiles: number;
  readonly maxBytes: number;
}

/** So many files of so many bytes together. */
export interface SpoolAmount {
  readonly files: number;
  readonly bytes: number;
}

type Amounts = Record<SpoolShare, SpoolAmount>;

/** The spool is full, or its directory does not take any more. */
export class SpoolError extends Error {
  override readonly name = 'SpoolError';
}

/** What cannot be verified uses one part in so many of the spool at most, rounded down. */
const UNVERIFIED_PART = 16;

const NOTHING: SpoolAmount = { files: 0, bytes: 0 };
const noAmounts = (): Amounts => ({ verified: NOTHING, unverified: NOTHING });

/**
 * Counts what the spool holds, and what is on its way there: the limits hold however many callbacks arrive at once.
 * What cannot be verified has a small share of its own, so that it never uses up the room for what can.
 */
export class SpoolUsage {
  private readonly stored = noAmounts();
  private readonly reserved = noAmounts();
  private storedSinceMeasuring = noAmounts();

  constructor(private readonly limits: SpoolLimits) {}

  /** Reserves room for what will be written. @throws SpoolError when there is none */
  reserve(share: SpoolShare, amount: SpoolAmount): void {
    const { maxFiles, maxBytes } = this.limits;
    const unverified = sum(this.used('unverified'), amount);
    if (
      share === 'unverified' &&
      (unverified.files > Math.floor(maxFiles / UNVERIFIED_PART) ||
        unverified.bytes > Math.floor(maxBytes / UNVERIFIED_PART))
    ) {
      throw new SpoolError('The share of the spool for callbacks that cannot be verified is full.');
    }
    const used = sum(this.used('verified'), this.used('unverified'));
    const { files, bytes } = sum(used, amount);
    if (files > maxFiles || bytes > maxBytes) {
      throw new SpoolError(`The spool is full: ${used.files} files of ${used.bytes} bytes.`);
    }
    this.reserved[share] = sum(this.reserved[share], amount);
  }

  /** Ends a reservation: what it was made for is written, or never will be. */
  settle(share: SpoolShare, amount: SpoolAmount, isWritten: boolean): void {
    this.reserved[share] = sum(this.reserved[share], negative(amount));
    if (!isWritten) return;
    this.stored[share] = sum(this.stored[share], amount);
    this.storedSinceMeasuring[share] = sum(this.storedSinceMeasuring[share], amount);
  }

  /** Call before the directory is read. */
  startMeasuring(): void {
    this.storedSinceMeasuring = noAmounts();
  }

  /** Takes over what the directory holds; what was written while it was read may count twice until the next time. */
  endMeasuring(measured: Readonly<Amounts>): void {
    for (const share of ['verified', 'unverified'] as const) {
      this.stored[share] = sum(measured[share], this.storedSinceMeasuring[share]);
    }
  }

  private used(share: SpoolShare): SpoolAmount {
    return sum(this.stored[share], this.reserved[share]);
  }
}

/** Both amounts together. */
export const sum = (one: SpoolAmount, other: SpoolAmount): SpoolAmount => ({
  files: one.files + other.files,
  bytes: one.bytes + other.bytes,
});

const negative = ({ files, bytes }: SpoolAmount): SpoolAmount => ({ files: -files, bytes: -bytes });
