import type { Scene } from './scenario.js';

/** What is known of a message, as far as the table shows it. */
export interface Row {
  readonly scene: Scene;
  readonly status: string;
  readonly explanation?: string;
  readonly errorCode?: number;
}

const WIDTHS = { recipient: 11, story: 40, status: 11 };
const COLOURS: Readonly<Record<string, string>> = {
  sent: '\u001B[36m',
  delivered: '\u001B[34m',
  seen: '\u001B[32m',
  discarded: '\u001B[33m',
};
/** What a terminal is taken for that does not know how wide it is. */
const USUAL_WIDTH = 80;
const RESET = '\u001B[0m';

/** Shows how statuses change: in place on a terminal, else a line for each change. */
export class LiveTable {
  private readonly shown = new Map<Scene, string>();
  private drawn = 0;

  constructor(
    private readonly output: Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'write'>,
    private readonly isLive = output.isTTY,
  ) {}

  update(rows: readonly Row[]): void {
    if (this.isLive) {
      const lines = rows.map((row) => `\u001B[2K${this.line(row)}`);
      const up = this.drawn > 0 ? `\u001B[${this.drawn}A` : '';
      this.output.write(`${up}${lines.join('\n')}\n`);
      this.drawn = rows.length;
      return;
    }
    for (const row of rows) {
      if (this.shown.get(row.scene) === row.status) continue;
      this.shown.set(row.scene, row.status);
      this.output.write(`${this.line(row)}\n`);
    }
  }

  private line({ scene, status, explanation = '', errorCode }: Row): string {
    const text = [
      scene.recipient.padEnd(WIDTHS.recipient),
      scene.story.padEnd(WIDTHS.story),
      status.padEnd(WIDTHS.status),
      errorCode ? `${errorCode}: ${explanation}` : explanation,
    ].join(' ');
    if (!this.isLive) return text.trimEnd();
    // A line that wraps would spoil the table.
    const width = this.output.columns || USUAL_WIDTH;
    return coloured(text.length < width ? text : `${text.slice(0, width - 2)}…`, status);
  }
}

/** The line with its status in colour, unless that is cut off. */
function coloured(line: string, status: string): string {
  const colour = COLOURS[status];
  const begin = WIDTHS.recipient + WIDTHS.story + 2;
  const end = begin + WIDTHS.status;
  if (!colour || line.length < end) return line;
  return line.slice(0, begin) + colour + line.slice(begin, end) + RESET + line.slice(end);
}
