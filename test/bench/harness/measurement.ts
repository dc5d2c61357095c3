/** What one run of one variant came to. */
export interface Measurement {
  /** Pieces of work a second, of wall time. */
  readonly rate?: number;
  /** Microseconds of CPU that the measured process spent on a piece of work. */
  readonly cpuUs?: number;
  /** Milliseconds that 99 of 100 requests stayed under. */
  readonly p99Ms?: number;
  /** Milliseconds until a process listened. */
  readonly startMs?: number;
  /** Megabytes that the process holds. */
  readonly rssMb?: number;
}

/** One of the things that are compared. */
export interface Variant {
  readonly name: string;
  readonly measure: () => Promise<Measurement>;
}

/** A variant with the results of all rounds. */
export interface Line {
  readonly name: string;
  readonly rounds: readonly Measurement[];
}

export interface Rounds {
  readonly rounds: number;
  /** Rounds before them that nobody counts. */
  readonly warmUps: number;
}

/** Runs all variants once in every round, in an order that moves on. */
export async function interleave(
  variants: readonly Variant[],
  { rounds, warmUps }: Rounds,
): Promise<Line[]> {
  const results = new Map<string, Measurement[]>(variants.map(({ name }) => [name, []]));
  for (let round = 1 - warmUps; round <= rounds; round++) {
    for (let turn = 0; turn < variants.length; turn++) {
      const { name, measure } = variants[(turn + round + warmUps) % variants.length];
      const measurement = await measure();
      console.error(`  round ${round}  ${name}: ${shown(measurement)}`);
      if (round > 0) results.get(name)!.push(measurement);
    }
  }
  return [...results].map(([name, measured]) => ({ name, rounds: measured }));
}

const shown = (measurement: Measurement): string =>
  Object.entries(measurement)
    .map(([figure, value]) => `${figure} ${Math.round(value as number)}`)
    .join(', ');

/** The middle value; the mean of the two in the middle of an even number. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The median of one figure of a line; undefined when it was not measured. */
export function medianOf({ rounds }: Line, figure: keyof Measurement): number | undefined {
  const values = rounds.flatMap((measurement) => measurement[figure] ?? []);
  return values.length > 0 ? median(values) : undefined;
}
