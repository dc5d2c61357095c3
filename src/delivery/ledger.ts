import { Injectable } from '@nestjs/common';
import { DatabaseClock } from '../database/database-clock.js';
import { DatabaseError } from '../database/database-error.js';
import { Database } from '../database/database.js';
import { query, writeAll, type Transaction } from '../database/transaction.js';
import { GroupCommit } from '../database/group-commit.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { DeliveryOptions, TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { canTwilioCall } from '../providers/public-url.js';
import { DeliveryAnnouncer } from './announcer.js';
import type { Recorded } from './fold.js';
import { fold, foldContested, type Folded, type MessageEvidence } from './ledger.fold.js';
import { KNOWN_COLUMNS, type AddressedRow } from './ledger.rows.js';
import { stepOf, writesOf, type MessageStep } from './ledger.writes.js';
import type { Evidence } from './evidence.js';
import type { MessageStatus } from './message-state.js';
import { MESSAGE_TABLE } from './message.entity.js';

/** A message that Twilio is to be asked about. */
export interface CheckedMessage {
  readonly id: string;
  readonly requestId: string;
  readonly instanceId: string;
  readonly to: string | null;
  readonly from: string | null;
  /** Absent when even that is unknown. */
  readonly sid: string | null;
  /** Number of the last attempt. */
  readonly attempts: number;
}

/** The messages of one sender in one status. */
export interface Queue {
  readonly sender: string;
  /** When the first of them is due, in milliseconds since 1970. */
  readonly dueAt: number;
}

/** Which messages the engine must act on. */
interface DueFilter {
  readonly status: MessageStatus;
  readonly sender: string;
  readonly at: number;
  readonly limit: number;
}

const ADDRESSED = `${KNOWN_COLUMNS}, request_id, instance_id, to_address, from_address`;

/**
 * The one place that writes what is known of messages. Every claim, attempt, outcome, callback and command is a piece
 * of evidence: whatever is waiting is folded into its messages and committed in one transaction, then told to
 * listeners.
 */
@Injectable()
export class MessageLedger {
  private readonly options: DeliveryOptions;
  private readonly isUncalled: boolean;
  private readonly commits = new GroupCommit((waiting: MessageEvidence[]) => this.commit(waiting), {
    gatherMs: 2,
    deadlineMs: this.database.timeoutMs,
  });

  constructor(
    @InjectWhatsappOptions() options: TwilioWhatsappOptions,
    private readonly database: Database,
    private readonly clock: DatabaseClock,
    private readonly announcer: DeliveryAnnouncer,
  ) {
    this.options = options.delivery;
    this.isUncalled = !canTwilioCall(options);
  }

  /**
   * Records what was learnt about a message; resolves after the commit.
   *
   * @param patienceMs how long it may wait for a commit that others need, or that is worth while
   */
  record(messageId: string, evidence: Evidence, patienceMs?: number): Promise<Recorded> {
    return this.commits.add({ messageId, evidence: this.marked(evidence) }, patienceMs);
  }

  /** The evidence, with what decides when Twilio is asked about the message. */
  private marked<T extends Evidence>(evidence: T): T {
    return this.isUncalled ? { ...evidence, isUncalled: true } : evidence;
  }

  /** Who has messages in a status that the engine must look at again, and when the first of them is due. */
  queues(status: MessageStatus): Promise<Queue[]> {
    return this.database.read(() => this.findQueues(status));
  }

  /** Takes back what workers were sending when they vanished. */
  async sweep(limit: number): Promise<void> {
    const resends = this.options.ambiguousPolicy === 'resend';
    await this.takeDue('sending', limit, (at) => ({
      kind: 'lapsed',
      at,
      resendAt: resends ? at : undefined,
    }));
  }

  /** Takes messages of which nothing was heard for a while; each is taken again later, less and less often. */
  async takeChecks(status: 'unknown' | 'sent', limit: number): Promise<CheckedMessage[]> {
    const taken = await this.takeDue(status, limit, (at) => ({ kind: 'checked', at }));
    return taken.map((row) => ({
      id: row.id,
      requestId: row.request_id,
      instanceId: row.instance_id,
      to: row.to_address,
      from: row.from_address,
      sid: row.sid,
      attempts: row.attempts,
    }));
  }

  /** Locks the messages of a queue that are due, oldest first, passing over those that another node holds. */
  *lockDue({ status, sender, at, limit }: DueFilter): Transaction<AddressedRow[]> {
    return yield* query<AddressedRow>(
      `SELECT ${ADDRESSED} FROM ${MESSAGE_TABLE} WHERE status = ? AND sender = ? AND due_at <= ? ORDER BY due_at, id LIMIT ?${this.database.dialect.skipLocked}`,
      status,
      sender,
      at,
      limit,
    );
  }

  private async takeDue(
    status: MessageStatus,
    limit: number,
    evidenceAt: (at: number) => Evidence,
  ): Promise<AddressedRow[]> {
    const at = this.clock.now();
    const due = (await this.queues(status)).filter(({ dueAt }) => dueAt <= at);
    if (due.length === 0) return [];
    const { rows, steps } = await this.database.transaction(() =>
      this.stepDue({ status, at, limit }, due, this.marked(evidenceAt(at))),
    );
    this.announce(steps);
    return rows;
  }

  private *stepDue(
    { status, at, limit }: Omit<DueFilter, 'sender'>,
    due: readonly Queue[],
    evidence: Evidence,
  ): Transaction<{ rows: AddressedRow[]; steps: MessageStep[] }> {
    const rows: AddressedRow[] = [];
    // An equal part for each sender, so that none waits behind the many of another.
    const share = Math.ceil(limit / due.length);
    for (const { sender } of due) {
      rows.push(...(yield* this.lockDue({ status, sender, at, limit: share })));
    }
    const steps = rows.map((row) => stepOf(row, evidence));
    yield* writeAll(writesOf(steps, this.database.dialect), this.database.dialect.combined);
    return { rows, steps };
  }

  private *findQueues(status: MessageStatus): Transaction<Queue[]> {
    const columns = { of: 'status', group: 'sender', least: 'due_at' } as const;
    const { sql, parameters } = this.database.dialect.leastByGroup(MESSAGE_TABLE, columns);
    const rows = yield* query<{ sender: string; due_at: string | number | null }>(
      sql,
      ...Array.from({ length: parameters }, () => status),
    );
    return rows.flatMap(({ sender, due_at: dueAt }) =>
      dueAt === null ? [] : [{ sender, dueAt: Number(dueAt) }],
    );
  }

  private async commit(waiting: readonly MessageEvidence[]): Promise<readonly Recorded[]> {
    const { results, steps } = await this.foldAll(waiting);
    this.announce(steps);
    return results;
  }

  private async foldAll(waiting: readonly MessageEvidence[]): Promise<Folded> {
    const { dialect } = this.database;
    try {
      return await this.database.transaction(() => fold(dialect, waiting));
    } catch (error) {
      // Another attempt has a SID that comes in. The usual evidence needs no query for who has it.
      if (!(error instanceof DatabaseError) || !error.isDuplicate) throw error;
      return this.database.transaction(() => foldContested(dialect, waiting));
    }
  }

  /** Tells listeners what the steps taught, once they are committed. */
  announce(steps: readonly MessageStep[]): void {
    this.announcer.announce(
      steps.flatMap(({ messageId, at, step: { learnt, event } }) =>
        learnt.map((type) => ({ messageId, type, at, explanation: event?.explanation })),
      ),
    );
  }
}
