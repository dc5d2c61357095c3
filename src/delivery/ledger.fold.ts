import type { Dialect } from '../database/dialect.js';
import { query, writeAll, type Transaction } from '../database/transaction.js';
import { DELIVERY_EVENT_TABLE } from '../events/delivery-event.entity.js';
import { isProof, type EvidenceSource } from '../events/delivery-event.js';
import { ATTEMPT_TABLE } from './attempt.entity.js';
import type { Evidence } from './evidence.js';
import { Fold, REPORTING, type Recorded } from './fold.js';
import { KNOWN_COLUMNS, type StateRow } from './ledger.rows.js';
import { writesOf, type MessageStep } from './ledger.writes.js';
import type { LoggedEvent } from './message-state.js';
import { MESSAGE_TABLE } from './message.entity.js';
import { reportOf, type TwilioStatus } from './report.js';
import { holderBy, contest, type SidHolder } from './sid-holder.js';

/** A piece of evidence, and the message that it is about. */
export interface MessageEvidence {
  readonly messageId: string;
  readonly evidence: Evidence;
}

/** What a transaction has folded. */
export interface Folded {
  /** One for each piece of evidence, in order. */
  readonly results: readonly Recorded[];
  readonly steps: readonly MessageStep[];
}

const IS_REPORT = `source IN (${REPORTING.map((source) => `'${source}'`)})`;

/** What Twilio has reported of a SID, as it is stored. */
type StoredReport = TwilioStatus & Pick<LoggedEvent, 'occurredAt'>;

interface ReportRow {
  readonly provider_status: string;
  readonly error_code: number;
  readonly explanation: string | null;
  readonly source: EvidenceSource;
  readonly occurred_at: string | number;
  readonly raw: string | null;
}

/** Folds each piece of evidence, in order, into its message, and writes what follows. */
export function* fold(dialect: Dialect, waiting: readonly MessageEvidence[]): Transaction<Folded> {
  const ids = waiting.map(({ messageId }) => messageId);
  const folding = new Fold(yield* lock(dialect, ids));
  const results = waiting.map(({ messageId, evidence }) => folding.take(messageId, evidence));
  yield* write(dialect, folding);
  return { results, steps: folding.steps };
}

/**
 * The same for evidence that brings SIDs which other attempts have already: proof takes a SID from whoever has it by a
 * guess, with all that was reported of it. Any other claim to it is dropped.
 */
export function* foldContested(
  dialect: Dialect,
  waiting: readonly MessageEvidence[],
): Transaction<Folded> {
  const sids = waiting.flatMap(({ evidence }) =>
    'sid' in evidence && evidence.sid !== undefined ? [evidence.sid] : [],
  );
  const ids = waiting.map(({ messageId }) => messageId);
  const likely = yield* holdersOf(dialect, sids);
  const folding = new Fold(
    yield* lock(dialect, [...ids, ...likely.map(({ messageId }) => messageId)]),
  );
  const holders = yield* lockHolders(dialect, sids, folding);
  const results: Recorded[] = [];
  for (const { messageId, evidence } of waiting) {
    const next = holderBy(messageId, evidence, folding.stateOf(messageId));
    const present = next && holders.get(next.sid);
    const verdict = next ? contest(next, present) : 'free';
    if (verdict === 'taken') {
      results.push(takeWithoutSid(folding, messageId, evidence));
      continue;
    }
    const reports =
      verdict === 'takenBack' ? yield* takeBack(folding, next!, present!, evidence.at) : [];
    // What was reported of the SID came after Twilio had accepted the message.
    const at = Math.min(evidence.at, ...reports.map((report) => report.at));
    const taken = folding.take(messageId, { ...evidence, at });
    results.push(taken);
    for (const report of reports) folding.take(messageId, report);
    const isStored = taken.applied && !(present && isProof(present.source));
    if (next && (isStored || verdict === 'takenBack')) holders.set(next.sid, next);
  }
  yield* write(dialect, folding);
  return { results, steps: folding.steps };
}

/** Who has these SIDs. Their messages are locked as well, so that this does not change any more. */
function* lockHolders(
  dialect: Dialect,
  sids: readonly string[],
  folding: Fold,
): Transaction<Map<string, SidHolder>> {
  let holders = yield* holdersOf(dialect, sids);
  // One may have been stored before its message was locked.
  for (let missing = without(holders, folding); missing.length > 0;) {
    const locked = yield* lock(dialect, missing);
    if (locked.length === 0) break;
    folding.add(locked);
    holders = yield* holdersOf(dialect, sids);
    missing = without(holders, folding);
  }
  return new Map(holders.map((holder) => [holder.sid, holder]));
}

const without = (holders: readonly SidHolder[], folding: Fold): string[] =>
  holders.flatMap(({ messageId }) => (folding.has(messageId) ? [] : [messageId]));

/** Locks messages, in order, so that nodes that lock the same rows do not wait in a circle. */
const lock = (dialect: Dialect, messageIds: readonly string[]): Transaction<StateRow[]> =>
  query<StateRow>(
    `SELECT ${KNOWN_COLUMNS} FROM ${MESSAGE_TABLE} WHERE id IN (${dialect.rows({ id: 'text' })}) ORDER BY id${dialect.forUpdate}`,
    JSON.stringify([...new Set(messageIds)].toSorted().map((id) => ({ id }))),
  );

function* holdersOf(dialect: Dialect, sids: readonly string[]): Transaction<SidHolder[]> {
  const rows = yield* query<{
    message_id: string;
    no: number;
    sid: string;
    sid_source: EvidenceSource | null;
  }>(
    `SELECT message_id, no, sid, sid_source FROM ${ATTEMPT_TABLE} WHERE sid IN (${dialect.rows({ sid: 'text' })})`,
    JSON.stringify(sids.map((sid) => ({ sid }))),
  );
  return rows.map(({ message_id: messageId, no: attempt, sid, sid_source: source }) => ({
    messageId,
    attempt,
    sid,
    source,
  }));
}

/**
 * Takes a SID from an attempt that had it by a guess.
 *
 * @returns what was reported of it, as evidence about the attempt that it belongs to
 */
function* takeBack(
  folding: Fold,
  next: SidHolder,
  present: SidHolder,
  at: number,
): Transaction<(Evidence & { at: number })[]> {
  const { messageId } = present;
  const { sid, attempt } = next;
  if (messageId === next.messageId) {
    folding.release({ messageId, sid, reports: 'unchanged' });
    return [];
  }
  const unsaved = folding.reportsOf(messageId, sid).map(({ errorCode, explanation, ...event }) => ({
    ...event,
    errorCode: errorCode || undefined,
    errorMessage: explanation,
  }));
  const reports = [...(yield* storedReports(messageId, sid)), ...unsaved];
  const { applied } = folding.take(messageId, { kind: 'disproved', at, sid }, 'moved');
  if (!applied) folding.release({ messageId, sid, reports: 'moved' });
  return reports.map(({ occurredAt, ...report }) => ({
    ...reportOf(report, { matchedBy: 'sid', attempt }),
    at: occurredAt,
  }));
}

function* storedReports(messageId: string, sid: string): Transaction<StoredReport[]> {
  const rows = yield* query<ReportRow>(
    `SELECT provider_status, error_code, explanation, source, occurred_at, raw FROM ${DELIVERY_EVENT_TABLE} WHERE message_id = ? AND sid = ? AND ${IS_REPORT} ORDER BY occurred_at`,
    messageId,
    sid,
  );
  return rows.map(({ provider_status, error_code, explanation, source, occurred_at, raw }) => ({
    source,
    sid,
    providerStatus: provider_status,
    errorCode: error_code || undefined,
    errorMessage: explanation ?? undefined,
    occurredAt: Number(occurred_at),
    raw: raw ?? undefined,
  }));
}

/** What can be said of a message whose evidence brings a SID that it does not get. */
function takeWithoutSid(folding: Fold, messageId: string, evidence: Evidence): Recorded {
  if (evidence.kind === 'accepted') {
    const { at, fence, attempt } = evidence;
    const detail = 'its SID belongs to another message';
    const unclear = { kind: 'ambiguous', at, fence, attempt, detail } as const;
    return { ...folding.take(messageId, unclear), isSidTaken: true };
  }
  if (evidence.kind === 'reported' && evidence.matchedBy === 'url') {
    return folding.take(messageId, { ...evidence, isSidTaken: true });
  }
  return { applied: false, state: folding.stateOf(messageId), isSidTaken: true };
}

function* write(dialect: Dialect, { steps, releases }: Fold): Transaction<void> {
  // First: a SID has one owner at any time.
  for (const { messageId, sid, reports } of releases) {
    yield* query(
      `UPDATE ${ATTEMPT_TABLE} SET sid = NULL, sid_source = NULL, outcome = 'ambiguous', detail = 'its SID proved to be another one' WHERE message_id = ? AND sid = ?`,
      messageId,
      sid,
    );
    if (reports === 'unchanged') continue;
    const change =
      reports === 'moved'
        ? `DELETE FROM ${DELIVERY_EVENT_TABLE}`
        : `UPDATE ${DELIVERY_EVENT_TABLE} SET type = NULL, explanation = NULL`;
    yield* query(`${change} WHERE message_id = ? AND sid = ? AND ${IS_REPORT}`, messageId, sid);
  }
  yield* writeAll(writesOf(steps, dialect), dialect.combined);
}
