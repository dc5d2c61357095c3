import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { DatabaseClock } from '../database/database-clock.js';
import { Database } from '../database/database.js';
import type { Transaction } from '../database/transaction.js';
import { NOTIFICATION_TABLE } from '../delivery/notification.entity.js';
import { CredentialsCipher } from '../providers/credentials-cipher.js';
import { BackgroundLoop } from '../lifecycle/background-loop.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { BATCH, purge, redact, type Erasure } from './erasure.js';
import { firstIdAt, instantOf } from '../database/time-ordered-id.js';
import type { RetentionOptions } from './retention.options.js';

const DAY_MS = 86_400_000;
const LONGEST_REST_MS = 3_600_000;
const SHORTEST_REST_MS = 50;
/** Between transactions, so that delivery finds the database free. */
const PAUSE_MS = 50;
const NOTIFICATIONS = 100;
/** What the clock may go ahead, or how long nothing may have been accepted, without a warning. */
const PLAUSIBLE_JUMP_MS = 3_600_000;
const PLAUSIBLE_GAP_MS = DAY_MS;
/** The time an operator has after the start to correct a wrong clock. */
const GRACE_MS = 3_600_000;

/**
 * Erases what is older than the retention options allow, by the database's clock. All nodes may do so at once: each
 * takes what no other holds. A clock that is set ahead makes nothing older: see {@link uninterruptedNow}.
 */
@Injectable()
export class Retention
  implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown
{
  private readonly logger = new Logger(Retention.name);
  private readonly options: RetentionOptions;
  private readonly drainTimeoutMs: number;
  private readonly startedAt = performance.now();
  private warning?: string;
  private readonly loop = new BackgroundLoop((error) =>
    this.logger.error('What is too old could not be erased; it is tried again', error),
  );

  constructor(
    @InjectWhatsappOptions() { retention, delivery }: TwilioWhatsappOptions,
    private readonly database: Database,
    private readonly clock: DatabaseClock,
    private readonly cipher: CredentialsCipher,
  ) {
    this.options = retention;
    this.drainTimeoutMs = delivery.drainTimeoutMs;
  }

  onApplicationBootstrap(): void {
    const periods = Object.values(this.options).filter((days) => days !== undefined);
    if (periods.length === 0) return;
    this.database.overwriteErased();
    this.loop.start(() => this.erase(), restBetween(Math.min(...periods) * DAY_MS));
  }

  onModuleDestroy(): void {
    this.loop.stop();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.loop.ended(this.drainTimeoutMs);
  }

  private async erase(): Promise<void> {
    await this.clock.synchronise();
    if (!(await this.isClockPlausible())) return;
    const { redactAfterDays, purgeAfterDays } = this.options;
    const { dialect } = this.database;
    const purged = await this.eachOlderThan(purgeAfterDays, '', (what) => purge(dialect, what));
    const redacted = await this.eachOlderThan(redactAfterDays, 'redacted_at IS NULL AND', (what) =>
      redact(dialect, what, (identifier) => this.pseudonym(identifier)),
    );
    if (purged + redacted > 0) {
      this.logger.log(`Retention: ${redacted} messages redacted, ${purged} deleted`);
    }
    await this.dropErased();
  }

  /** Somebody who reads the log for long, as a backup does, keeps it from being emptied: a later time does it. */
  private async dropErased(): Promise<void> {
    try {
      await this.database.dropErased();
    } catch (error) {
      this.warn(
        `What was erased is still in the write-ahead log, which could not be emptied: ${String(error)}`,
      );
    }
  }

  /** Whether notifications were accepted around the time up to which is erased, or there was time to set the clock right. */
  private async isClockPlausible(): Promise<boolean> {
    const { jumpMs } = this.clock;
    if (jumpMs > PLAUSIBLE_JUMP_MS) {
      this.warn(
        `The database's clock has gone ${hours(jumpMs)} h ahead since the process began. They are not counted: nothing is erased on their account. Restart when the clock is right.`,
      );
    }
    const now = uninterruptedNow(this.clock.now(), jumpMs);
    const periods = Object.values(this.options).filter((days) => days !== undefined);
    const gaps = await Promise.all(periods.map((days) => this.gapAround(now - days * DAY_MS, now)));
    const gapMs = Math.max(...gaps);
    const isPlausible = isPlausibleGap(gapMs, performance.now() - this.startedAt);
    if (!isPlausible) {
      this.warn(
        `By the database's clock, no notification was accepted for ${hours(gapMs)} h, and what came before is old enough to be erased. Retention begins an hour after the start: set the clock right before, if it is wrong.`,
      );
    }
    return isPlausible;
  }

  /** How long nothing was accepted around an instant; 0 when all was accepted later. In milliseconds. */
  private async gapAround(instant: number, now: number): Promise<number> {
    const id = firstIdAt(instant);
    const [{ last, next }] = await this.database.query<Record<'last' | 'next', string | null>>(
      `SELECT (SELECT MAX(id) FROM ${NOTIFICATION_TABLE} WHERE id < ?) AS last,
              (SELECT MIN(id) FROM ${NOTIFICATION_TABLE} WHERE id >= ?) AS next`,
      id,
      id,
    );
    return last === null ? 0 : (next === null ? now : instantOf(next)) - instantOf(last);
  }

  /** Logs a warning, unless it was the last one too. */
  private warn(warning: string): void {
    if (warning !== this.warning) this.logger.warn(warning);
    this.warning = warning;
  }

  /** Walks through the notifications that are old enough to have such messages. @returns how many were erased */
  private async eachOlderThan(
    days: number | undefined,
    condition: string,
    erase: (what: Erasure) => Transaction<number>,
  ): Promise<number> {
    if (days === undefined) return 0;
    const now = this.clock.now();
    const finishedBy = Math.floor(uninterruptedNow(now, this.clock.jumpMs) - days * DAY_MS);
    let total = 0;
    let last = '';
    while (!this.loop.isStopping) {
      const rows = await this.database.query<{ id: string }>(
        `SELECT id FROM ${NOTIFICATION_TABLE} WHERE ${condition} id > ? AND id < ? ORDER BY id LIMIT ${NOTIFICATIONS}`,
        last,
        firstIdAt(finishedBy),
      );
      if (rows.length === 0) break;
      const requestIds = rows.map(({ id }) => id);
      last = requestIds.at(-1)!;
      let erased = BATCH;
      while (erased === BATCH && !this.loop.isStopping) {
        erased = await this.database.transaction(() => erase({ requestIds, finishedBy, now }));
        total += erased;
        await this.loop.rest(PAUSE_MS);
      }
    }
    return total;
  }

  /** The same for the same number, and of no use to who does not have the encryption key. */
  private pseudonym(identifier: string): string {
    return `redacted-${this.cipher.mac(`identifier ${identifier}`)}`;
  }
}

/** Often enough that nothing is kept much longer than asked for: by a quarter, and by an hour at most. */
export const restBetween = (shortestPeriodMs: number): number =>
  Math.min(LONGEST_REST_MS, Math.max(SHORTEST_REST_MS, shortestPeriodMs / 4));

/** The time without what the clock was set ahead since the process began; both in milliseconds. */
export const uninterruptedNow = (now: number, jumpMs: number): number => now - Math.max(0, jumpMs);

/** Whether so long a time without a notification is believed of a process that has run for so long, in milliseconds. */
export const isPlausibleGap = (gapMs: number, runningMs: number): boolean =>
  gapMs <= PLAUSIBLE_GAP_MS || runningMs >= GRACE_MS;

const hours = (ms: number): number => Math.round(ms / 3_600_000);
