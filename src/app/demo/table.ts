import type { Scene } from './scenario.js';

/** What is known of a message, as far as the table shows it. */
export interface Row {
  readonly scene: Scene;
  readonly status: string;
  readonly explanation?: string;
}

const WIDTHS = { recipient: 11, story: 40, status: 11 };
const COLOURS: Readonly<Record<string, string>> = {
  sent: '\u001B[36m',
  delivered: '\u001B[34m',
  seen: '\u001B[32m',
  discarded: '\u001B[33m',
};
const RESET = '\u001B[0m';

/** Shows how statuses change: in place on a terminal, else a line for each change. */
export class LiveTable {
  private readonly shown = new Map<Scene, string>();
  private drawn = 0;

  constructor(
    private readonly output: NodeJS.WriteStream,
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

  private line({ scene, status, explanation = '' }: Row): string {
    const text = [
      scene.recipient.padEnd(WIDTHS.recipient),
      scene.story.padEnd(WIDTHS.story),
      this.coloured(status),
      explanation,
    ].join(' ');
    if (!this.isLive) return text.trimEnd();
    // A line that wraps would spoil the table: the colour's own characters take no room.
    const room =
      this.output.columns + (COLOURS[status] ? COLOURS[status].length + RESET.length : 0);
    return text.length < room ? text : `${text.slice(0, room - 2)}…`;
  }

  private coloured(status: string): string {
    const padded = status.padEnd(WIDTHS.status);
    return this.isLive && COLOURS[status] ? `${COLOURS[status]}${padded}${RESET}` : padded;
  }
}
