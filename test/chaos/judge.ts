import type { SimulatedMessage } from '../../src/simulator/index.js';
import { eventTypeOf } from '../../src/twilio/statuses.js';
import type { StoredMessage } from './stored.js';
import { isAmbiguous, type Excuse, type Truth } from './truth.js';

/** What a run came to, held against what the simulated Twilio knows. */
export interface Findings {
  readonly accepted: number;
  /** Accepted notifications whose message is gone or has no fate. */
  lost: number;
  /** Recipients who have the same message more than once. */
  sentTwice: number;
  /** Messages whose status says more, or other, than Twilio knows. */
  wrong: number;
  /** Messages that are behind Twilio: the callback of a later status came while nobody listened. */
  behind: number;
  /** Messages of which nobody can know whether Twilio has them. */
  unknown: number;
  /** Of those, the ones that Twilio has. */
  unknownButSent: number;
  /** Messages that are unknown though their last attempt is clear, or clear though it is not. */
  unknownWrongly: number;
  /** Why attempts were ambiguous. */
  readonly excuses: Partial<Record<Excuse, number>>;
  /** Ambiguous attempts of which somebody could have known how they ended. */
  inexcusable: number;
  /** Requests that Twilio met and no attempt tells of. */
  unrecorded: number;
  /** What was found amiss, a few of each kind. */
  readonly examples: string[];
}

const FLAWS = [
  'lost',
  'sentTwice',
  'wrong',
  'unknownWrongly',
  'inexcusable',
  'unrecorded',
] as const;
type Flaw = (typeof FLAWS)[number];
const EXAMPLES = 5;

/** Whether every promise was kept. */
export const isKept = (findings: Findings): boolean => FLAWS.every((flaw) => findings[flaw] === 0);

/**
 * Holds every accepted notification against the truth.
 *
 * @param accepted request ids by recipient, each of whom was sent one message
 */
export function judge(
  accepted: ReadonlyMap<string, string>,
  stored: readonly StoredMessage[],
  truth: Truth,
): Findings {
  const findings: Findings = {
    accepted: accepted.size,
    lost: 0,
    sentTwice: 0,
    wrong: 0,
    behind: 0,
    unknown: 0,
    unknownButSent: 0,
    unknownWrongly: 0,
    excuses: {},
    inexcusable: 0,
    unrecorded: 0,
    examples: [],
  };
  const note = (flaw: Flaw, what: object) => {
    if (findings[flaw]++ < EXAMPLES) findings.examples.push(`${flaw}: ${JSON.stringify(what)}`);
  };

  const messages = new Map(stored.map((message) => [message.requestId, message]));
  for (const [recipient, requestId] of accepted) {
    const message = messages.get(requestId);
    const sent = truth.messagesTo(recipient);
    if (!message || isUnderWay(message)) note('lost', { recipient, requestId, message });
    if (sent.filter((each) => !isFailed(each)).length > 1) note('sentTwice', { message, sent });
  }
  for (const message of stored) {
    const sent = truth.messagesTo(message.recipient);
    if (accepted.get(message.recipient) !== message.requestId || isWrong(message, sent)) {
      note('wrong', { message, sent });
    }
    if (isBehind(message, sent)) findings.behind++;
    if (message.status === 'unknown') {
      findings.unknown++;
      if (truth.hasLast(message)) findings.unknownButSent++;
    }
    judgeAttempts(message, truth, findings, note);
  }
  const recorded = new Set(
    stored.flatMap(({ id, attempts }) => attempts.map(({ no }) => `${id}/${no}`)),
  );
  for (const met of truth.attemptsMet) if (!recorded.has(met)) note('unrecorded', { met });
  return findings;
}

function judgeAttempts(
  message: StoredMessage,
  truth: Truth,
  findings: Findings,
  note: (flaw: Flaw, what: object) => void,
): void {
  const { id, status, attempts } = message;
  const ambiguous = attempts.filter(({ outcome }) => outcome === 'ambiguous');
  for (const attempt of ambiguous) {
    const excuse = truth.excuseOf(id, attempt);
    if (excuse) findings.excuses[excuse] = (findings.excuses[excuse] ?? 0) + 1;
    else note('inexcusable', { message, attempt, post: truth.postOf(id, attempt.no) });
  }
  // Nothing is sent after a request that may have been accepted, so only the last one can be ambiguous.
  const isLast = ambiguous.length === 1 && ambiguous[0] === attempts.at(-1);
  const isClear = ambiguous.length === 0 && status !== 'unknown';
  if (!(isLast && status === 'unknown') && !isClear) note('unknownWrongly', { message });
  for (const { no, outcome } of attempts) {
    const post = truth.postOf(id, no);
    // Whoever met such a fault may say that Twilio has the message, for there was proof, and nothing else.
    const mayDeny = !post?.fault || !isAmbiguous(post.fault);
    const isFalse =
      outcome === 'accepted' ? !post?.sid : outcome !== 'ambiguous' && (post?.sid || !mayDeny);
    if (isFalse) note('wrong', { message, no, post });
  }
}

/** Whether its fate is still open. */
export const isUnderWay = ({ status }: StoredMessage): boolean =>
  status === 'queued' || status === 'sending';

const isFailed = ({ status }: SimulatedMessage): boolean => eventTypeOf(status) === 'discarded';

/** Whether the message claims what Twilio does not know. */
function isWrong({ status, sid }: StoredMessage, sent: readonly SimulatedMessage[]): boolean {
  const own = sent.find((each) => each.sid === sid);
  if (sid !== null && !own) return true;
  switch (status) {
    case 'sent':
      return !own;
    case 'delivered':
    case 'seen':
      return !own || RANK[status] > rankOf(own);
    case 'discarded':
      return own ? !isFailed(own) : sent.some((each) => !isFailed(each));
    default:
      return false;
  }
}

const RANK = { sent: 1, delivered: 2, seen: 3 } as const;

function rankOf({ status }: SimulatedMessage): number {
  const type = eventTypeOf(status);
  return type === undefined || type === 'discarded' ? 0 : RANK[type];
}

/** Whether Twilio knows more than the message tells. */
export function isBehind(
  { status, sid }: StoredMessage,
  sent: readonly SimulatedMessage[],
): boolean {
  const own = sent.find((each) => each.sid === sid);
  if (!own || (status !== 'sent' && status !== 'delivered')) return false;
  return RANK[status] < rankOf(own) || (status === 'sent' && isFailed(own));
}
