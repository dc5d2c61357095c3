import { cpus, loadavg } from 'node:os';
import type { Goal, Section } from './goal.js';
import { medianOf, type Line, type Measurement } from './measurement.js';

/** All that a run came to, as it is written down. */
export interface Report {
  readonly startedAt: string;
  readonly machine: string;
  /** Load of the machine over one minute, before and after. */
  readonly load: readonly [number, number];
  readonly rounds: number;
  readonly sections: readonly Section[];
}

/** The machine that a run was made on. */
export const machine = (): string =>
  `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown CPU'}, Node ${process.versions.node}`;

export const load = (): number => loadavg()[0];

const FIGURES: readonly (readonly [keyof Measurement, string, number])[] = [
  ['rate', '{unit}/s', 0],
  ['cpuUs', 'CPU µs each', 0],
  ['p99Ms', 'p99 ms', 1],
  ['startMs', 'ms', 0],
  ['rssMb', 'RSS MB', 0],
];

/** The report as markdown. */
export const markdown = ({ sections }: Report): string =>
  sections
    .map((section) => [heading(section), lines(section), goals(section)].join('\n'))
    .join('\n');

const heading = ({ title }: Section): string => `### ${title}\n`;

function lines({ lines: measured, unit }: Section): string {
  const figures = FIGURES.filter(([figure]) =>
    measured.some((line) => medianOf(line, figure) !== undefined),
  );
  return table(
    ['', ...figures.map(([, label]) => label.replace('{unit}', unit))],
    measured.map((line) => [
      line.name,
      ...figures.map(([figure, , digits]) => shown(line, figure, digits)),
    ]),
  );
}

const shown = (line: Line, figure: keyof Measurement, digits: number): string =>
  medianOf(line, figure)?.toLocaleString('en', { maximumFractionDigits: digits }) ?? '';

const goals = ({ goals: all }: Section): string =>
  table(
    ['goal', '', 'reached', ''],
    all.map(({ text, bound, target, reached, isMet }: Goal) => [
      text,
      `${bound} ${target}`,
      reached.toPrecision(3),
      isMet ? 'met' : '**missed**',
    ]),
  );

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n');
}
