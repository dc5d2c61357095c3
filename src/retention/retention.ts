import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { Database } from '../database/database.js';
import type { Transaction } from '../database/transaction.js';
import { NOTIFICATION_TABLE } from '../delivery/notification.entity.js';
import { CredentialsCipher } from '../providers/credentials-cipher.js';
import { BackgroundLoop } from '../lifecycle/background-loop.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { BATCH, purge, redact, type Erasure } from './erasure.js';
import { firstIdAt } from '../database/time-ordered-id.js';
import type { RetentionOptions } from './retention.options.js';

const DAY_MS = 86_400_000;
const LONGEST_REST_MS = 3_600_000;
const SHORTEST_REST_MS = 50;
/** Between transactions, so that delivery finds the database free. */
const PAUSE_MS = 50;
const NOTIFICATIONS = 100;

/**
 * Erases what is older than the retention options allow. All nodes may do so at once: each takes what no other holds.
 */
@Injectable()
export class Retention
  implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown
{
  private readonly logger = new Logger(Retention.name);
  private readonly options: RetentionOptions;
  private readonly drainTimeoutMs: number;
  private readonly loop = new BackgroundLoop((error) =>
    this.logger.error('What is too old could not be erased; it is tried again', error),
  );

  constructor(
    @InjectWhatsappOptions() { retention, delivery }: TwilioWhatsappOptions,
    private readonly database: Database,
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
    const { redactAfterDays, purgeAfterDays } = this.options;
    const { dialect } = this.database;
    const purged = await this.eachOlderThan(purgeAfterDays, '', (what) => purge(dialect, what));
    const redacted = await this.eachOlderThan(redactAfterDays, 'redacted_at IS NULL AND', (what) =>
      redact(dialect, what, (identifier) => this.pseudonym(identifier)),
    );
    await this.database.dropErased();
    if (purged + redacted > 0) {
      this.logger.log(`Retention: ${redacted} messages redacted, ${purged} deleted`);
    }
  }

  /** Walks through the notifications that are old enough to have such messages. @returns how many were erased */
  private async eachOlderThan(
    days: number | undefined,
    condition: string,
    erase: (what: Erasure) => Transaction<number>,
  ): Promise<number> {
    if (days === undefined) return 0;
    const finishedBy = Math.floor(Date.now() - days * DAY_MS);
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
        erased = await this.database.transaction(() => erase({ requestIds, finishedBy }));
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
