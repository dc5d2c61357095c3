import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Database } from './database.js';

/**
 * The time of the database, so that all nodes agree on what is due and on when a lease ends, whatever their own
 * clocks say. In between two looks at it, the monotonic clock of the process goes on.
 */
@Injectable()
export class DatabaseClock implements OnModuleInit {
  /** Milliseconds between the monotonic clock and 1970, by the database. */
  private origin = performance.timeOrigin;
  /** What it was when the database was first asked. */
  private firstOrigin?: number;

  constructor(private readonly database: Database) {}

  onModuleInit(): Promise<void> {
    return this.synchronise();
  }

  /** Milliseconds since 1970. */
  now(): number {
    return Math.round(this.origin + performance.now());
  }

  /**
   * Milliseconds by which the database's clock has gone ahead of the monotonic clock since the process began; negative
   * when it was set back. A large value means that the clock was set, or that the machine was suspended.
   */
  get jumpMs(): number {
    return this.firstOrigin === undefined ? 0 : Math.round(this.origin - this.firstOrigin);
  }

  /** Looks at the database's clock. @throws DatabaseError */
  async synchronise(): Promise<void> {
    const asked = performance.now();
    const [row] = await this.database.query<{ now: string | number }>(
      `SELECT ${this.database.dialect.now} AS now`,
    );
    this.origin = originOf(this.origin, Number(row.now), asked, performance.now());
    this.firstOrigin ??= this.origin;
  }
}

/**
 * Where the database's time begins, seen from the monotonic clock. What is known stays as long as the new look does
 * not disprove it: the way to the database takes time, and the clock shall not jump about by that.
 *
 * @param now what the database said between the monotonic times `asked` and `answered`
 */
export function originOf(known: number, now: number, asked: number, answered: number): number {
  const earliest = now - answered;
  const latest = now + 1 - asked;
  return known >= earliest && known <= latest ? known : (earliest + latest) / 2;
}
