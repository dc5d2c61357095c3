import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { batch, query, type Transaction } from '../database/transaction.js';
import { GroupCommit } from '../database/group-commit.js';
import { DELIVERY_EVENT_TABLE } from '../events/delivery-event.entity.js';
import { DeliveryAnnouncer } from './announcer.js';
import { ATTEMPT_TABLE } from './attempt.entity.js';
import {
  ENDED_COLUMNS,
  EVENT_COLUMNS,
  STARTED_COLUMNS,
  STATE_COLUMNS,
  endedRow,
  eventRow,
  startedRow,
  stateOf,
  stateRow,
  type StateRow,
} from './ledger.rows.js';
import type { Evidence } from './evidence.js';
import {
  step,
  type AttemptChange,
  type MessageState,
  type MessageStatus,
  type Step,
} from './message-state.js';
import { MESSAGE_TABLE } from './message.entity.js';
import { refusalOf } from './refusals.js';

/** A message that a worker holds, with what it takes to send it. */
export interface ClaimedMessage {
  readonly id: string;
  readonly requestId: string;
  readonly instanceId: string;
  readonly to: string;
  readonly fence: number;
}

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

/** What became of a piece of evidence. Without `state` there is no such message. */
export interface Recorded {
  readonly applied: boolean;
  readonly state?: MessageState;
}

interface MessageStep {
  readonly messageId: string;
  readonly at: number;
  readonly step: Step;
}

/** Which messages the engine must act on. */
interface DueFilter {
  readonly status: MessageStatus;
  readonly at: number;
  readonly limit: number;
  readonly heldInstances?: readonly string[];
}

const SELECT_STATE = `SELECT ${Object.keys(STATE_COLUMNS)}, request_id, instance_id, to_address, from_address FROM ${MESSAGE_TABLE}`;

/**
 * The one place that writes what is known of messages. Every claim, attempt, outcome, callback and command is a piece
 * of evidence: whatever is waiting is folded into its messages and committed in one transaction, then told to
 * listeners.
 */
@Injectable()
export class MessageLedger {
  private readonly commits = new GroupCommit(
    (waiting: { messageId: string; evidence: Evidence }[]) => this.commit(waiting),
  );

  constructor(
    private readonly database: Database,
    private readonly announcer: DeliveryAnnouncer,
  ) {}

  /** Records what was learnt about a message; resolves after the commit. */
  record(messageId: string, evidence: Evidence): Promise<Recorded> {
    return this.commits.add({ messageId, evidence });
  }

  /**
   * Claims up to `limit` messages that are due, oldest first, for `leaseMs`. Those without an address are given up on
   * the way.
   *
   * @param heldInstances ids of instances whose messages stay queued
   * @returns those to send, and whether more may be due
   */
  async claim(
    limit: number,
    leaseMs: number,
    heldInstances: readonly string[] = [],
  ): Promise<{ messages: ClaimedMessage[]; more: boolean }> {
    const at = Date.now();
    const { rows, steps } = await this.database.transaction(() =>
      this.takeDue({ status: 'queued', at, limit, heldInstances }, (row) => ({
        kind: 'claimed',
        at,
        leaseUntil: at + leaseMs,
        refusal: row.to_address === null ? refusalOf(row.reason) : undefined,
      })),
    );
    this.announce(steps);
    const messages = rows.flatMap((row, index): ClaimedMessage[] => {
      const { status, fence } = steps[index].step.state;
      if (status !== 'claimed') return [];
      const { id, request_id: requestId, instance_id: instanceId } = row;
      return [{ id, requestId, instanceId, to: row.to_address!, fence }];
    });
    return { messages, more: rows.length === limit };
  }

  /** Takes back what workers had claimed or were sending when they vanished. */
  async sweep(limit: number): Promise<void> {
    const at = Date.now();
    for (const status of ['claimed', 'sending'] as const) {
      await this.database.transaction(() =>
        this.takeDue({ status, at, limit }, () => ({ kind: 'lapsed', at })),
      );
    }
  }

  /** Takes messages of which nothing was heard for a while; each is taken again later, less and less often. */
  async takeChecks(limit: number): Promise<CheckedMessage[]> {
    const at = Date.now();
    const taken: StateRow[] = [];
    for (const status of ['unknown', 'sent'] as const) {
      const { rows } = await this.database.transaction(() =>
        this.takeDue({ status, at, limit }, () => ({ kind: 'checked', at })),
      );
      taken.push(...rows);
    }
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

  private async commit(
    waiting: readonly { messageId: string; evidence: Evidence }[],
  ): Promise<Recorded[]> {
    const steps = await this.database.transaction(() => this.fold(waiting));
    this.announce(steps.filter((each) => each !== undefined));
    return steps.map((each) =>
      each ? { applied: each.step.applied, state: each.step.state } : { applied: false },
    );
  }

  /** Folds each piece of evidence, in order, into its message; `undefined` where there is none. */
  private *fold(
    waiting: readonly { messageId: string; evidence: Evidence }[],
  ): Transaction<(MessageStep | undefined)[]> {
    const { dialect } = this.database;
    const ids = [...new Set(waiting.map(({ messageId }) => messageId))];
    const rows = yield* query<StateRow>(
      `${SELECT_STATE} WHERE id IN (${dialect.rows({ id: 'text' })}) ORDER BY id${dialect.forUpdate}`,
      JSON.stringify(ids.map((id) => ({ id }))),
    );
    const states = new Map(rows.map((row) => [row.id, stateOf(row)]));
    const steps = waiting.map(({ messageId, evidence }): MessageStep | undefined => {
      const state = states.get(messageId);
      if (!state) return undefined;
      const taken = step(state, evidence);
      states.set(messageId, taken.state);
      return { messageId, at: evidence.at, step: taken };
    });
    yield* this.write(steps.filter((each) => each !== undefined));
    return steps;
  }

  private *takeDue(
    { status, at, limit, heldInstances = [] }: DueFilter,
    evidenceFor: (row: StateRow) => Evidence,
  ): Transaction<{ rows: StateRow[]; steps: MessageStep[] }> {
    const held =
      heldInstances.length > 0 ? ` AND instance_id NOT IN (${heldInstances.map(() => '?')})` : '';
    const rows = yield* query<StateRow>(
      `${SELECT_STATE} WHERE status = ? AND due_at <= ?${held} ORDER BY due_at, id LIMIT ?${this.database.dialect.skipLocked}`,
      status,
      at,
      ...heldInstances,
      limit,
    );
    const steps = rows.map((row) => ({
      messageId: row.id,
      at,
      step: step(stateOf(row), evidenceFor(row)),
    }));
    yield* this.write(steps);
    return { rows, steps };
  }

  private *write(steps: readonly MessageStep[]): Transaction<void> {
    const { dialect } = this.database;
    const states = new Map<string, MessageState>();
    const ended = new Map<string, MessageStep & { attempt: AttemptChange }>();
    for (const each of steps) {
      const { attempt, applied, state } = each.step;
      if (applied) states.set(each.messageId, state);
      if (!attempt?.outcome) continue;
      const key = `${each.messageId}/${attempt.no}`;
      if (!ended.has(key) || attempt.outcome === 'accepted') ended.set(key, { ...each, attempt });
    }
    yield* batch(
      dialect.update(MESSAGE_TABLE, STATE_COLUMNS, ['id']),
      [...states].map(([id, state]) => stateRow(id, state)),
    );
    yield* batch(
      dialect.insert(ATTEMPT_TABLE, STARTED_COLUMNS),
      steps.flatMap(({ messageId, step: { attempt } }) =>
        attempt?.startedAt === undefined ? [] : [startedRow(messageId, attempt)],
      ),
    );
    yield* batch(
      // Proof that Twilio has it corrects an outcome that was unclear; nothing else overwrites one.
      dialect.update(
        ATTEMPT_TABLE,
        ENDED_COLUMNS,
        ['message_id', 'no'],
        `${ATTEMPT_TABLE}.outcome IS NULL OR r.outcome = 'accepted'`,
      ),
      [...ended.values()].map(({ messageId, attempt }) => endedRow(messageId, attempt)),
    );
    yield* batch(
      dialect.insert(DELIVERY_EVENT_TABLE, EVENT_COLUMNS, 'keep'),
      steps.flatMap(({ messageId, step: { event } }) =>
        event ? [eventRow(messageId, event)] : [],
      ),
    );
  }

  private announce(steps: readonly MessageStep[]): void {
    this.announcer.announce(
      steps.flatMap(({ messageId, at, step: { learnt } }) =>
        learnt.map((type) => ({ messageId, type, at })),
      ),
    );
  }
}
