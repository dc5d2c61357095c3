import type { Dialect, JsonColumns } from '../database/dialect.js';
import type { Write } from '../database/transaction.js';
import { DELIVERY_EVENT_TABLE } from '../events/delivery-event.entity.js';
import { ATTEMPT_TABLE } from './attempt.entity.js';
import type { Evidence } from './evidence.js';
import {
  ENDED_COLUMNS,
  EVENT_COLUMNS,
  STARTED_COLUMNS,
  changedFields,
  changedRow,
  columnsOf,
  endedRow,
  eventRow,
  startedRow,
  stateOf,
  type StateRow,
} from './ledger.rows.js';
import type { AttemptChange, MessageState, Step } from './message-state.js';
import { step } from './message-step.js';
import { MESSAGE_TABLE } from './message.entity.js';

/** A step that a message takes. */
export interface MessageStep {
  readonly messageId: string;
  readonly at: number;
  readonly before: MessageState;
  readonly step: Step;
}

/** What the evidence makes of a message that was just read. */
export function stepOf(row: StateRow, evidence: Evidence): MessageStep {
  const before = stateOf(row);
  return { messageId: row.id, at: evidence.at, before, step: step(before, evidence) };
}

/** What the steps come to, as rows to be written. */
export function writesOf(steps: readonly MessageStep[], dialect: Dialect): Write[] {
  return [
    ...stateWrites(steps, dialect),
    {
      statement: dialect.insert(ATTEMPT_TABLE, STARTED_COLUMNS),
      rows: steps.flatMap(({ messageId, step: { attempt } }) =>
        attempt?.startedAt === undefined ? [] : [startedRow(messageId, attempt)],
      ),
    },
    {
      // What is certain corrects what was unclear, and proof that Twilio has it everything - but never another proof.
      statement: dialect.update(
        ATTEMPT_TABLE,
        ENDED_COLUMNS,
        ['message_id', 'no'],
        `(${ATTEMPT_TABLE}.outcome IS NULL OR ${ATTEMPT_TABLE}.outcome = 'ambiguous' OR r.outcome = 'accepted')
            AND (${ATTEMPT_TABLE}.sid IS NULL OR r.sid IS NULL OR ${ATTEMPT_TABLE}.sid = r.sid)`,
      ),
      rows: endedAttempts(steps).map(({ messageId, attempt }) => endedRow(messageId, attempt)),
    },
    {
      statement: dialect.insert(DELIVERY_EVENT_TABLE, EVENT_COLUMNS, 'keep'),
      rows: steps.flatMap(({ messageId, step: { event } }) =>
        event ? [eventRow(messageId, event)] : [],
      ),
    },
  ];
}

/** What differs alone: a column that is set has its indexes written, whether it changes or not. */
function stateWrites(steps: readonly MessageStep[], dialect: Dialect): Write[] {
  const changes = new Map<string, { before: MessageState; after: MessageState }>();
  for (const {
    messageId,
    before,
    step: { applied, state },
  } of steps) {
    if (!applied) continue;
    const first = changes.get(messageId)?.before ?? before;
    changes.set(messageId, { before: first, after: state });
  }
  const byShape = new Map<string, { columns: JsonColumns; rows: object[] }>();
  for (const [id, { before, after }] of changes) {
    const fields = changedFields(before, after);
    if (fields.length === 0) continue;
    const shape = fields.join();
    const update = byShape.get(shape) ?? { columns: columnsOf(fields), rows: [] };
    update.rows.push(changedRow(id, after, fields));
    byShape.set(shape, update);
  }
  return [...byShape.values()].map(({ columns, rows }) => ({
    statement: dialect.update(MESSAGE_TABLE, columns, ['id']),
    rows,
  }));
}

type EndedAttempt = Pick<MessageStep, 'messageId'> & { attempt: AttemptChange };

/** The attempts that end, each once: by what is certain rather than by what is unclear, best by proof that Twilio has it. */
function endedAttempts(steps: readonly MessageStep[]): EndedAttempt[] {
  const ended = new Map<string, EndedAttempt>();
  for (const {
    messageId,
    step: { attempt },
  } of steps) {
    if (!attempt?.outcome) continue;
    const key = `${messageId}/${attempt.no}`;
    const isUnclear = (ended.get(key)?.attempt.outcome ?? 'ambiguous') === 'ambiguous';
    if (isUnclear || attempt.outcome === 'accepted') ended.set(key, { messageId, attempt });
  }
  return [...ended.values()];
}
