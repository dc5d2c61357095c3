import { median, medianOf, type Line, type Measurement } from './measurement.js';

/** A goal and what was reached. */
export interface Goal {
  readonly text: string;
  readonly bound: 'at least' | 'at most';
  readonly target: number;
  readonly reached: number;
  readonly isMet: boolean;
}

/** A part of the benchmark with its results. */
export interface Section {
  readonly title: string;
  /** What a piece of work is: `messages`. */
  readonly unit: string;
  readonly lines: readonly Line[];
  readonly goals: readonly Goal[];
}

type Bound = readonly ['at least' | 'at most', number];

/** Judges what was reached. */
export const goal = (text: string, [bound, target]: Bound, reached: number): Goal => ({
  text,
  bound,
  target,
  reached,
  isMet: bound === 'at least' ? reached >= target : reached <= target,
});

/** Goals about the lines of a section; those about a line that was not measured are left out. */
export class Goals {
  readonly all: Goal[] = [];

  constructor(private readonly lines: readonly Line[]) {}

  /** How often a figure of one line holds that of another: the median of the ratios of each round. */
  ratio(text: string, figure: keyof Measurement, of: string, to: string, bound: Bound): this {
    const [above, below] = [this.find(of), this.find(to)];
    if (above && below) {
      const ratios = above.rounds.map(
        (measurement, round) => (measurement[figure] ?? 0) / (below.rounds[round][figure] ?? 0),
      );
      this.all.push(goal(text, bound, median(ratios)));
    }
    return this;
  }

  /** The median of a figure of one line. */
  value(text: string, figure: keyof Measurement, of: string, bound: Bound): this {
    const line = this.find(of);
    const reached = line && medianOf(line, figure);
    if (reached !== undefined) this.all.push(goal(text, bound, reached));
    return this;
  }

  private find(name: string): Line | undefined {
    return this.lines.find((line) => line.name === name);
  }
}
