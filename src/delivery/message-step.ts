import { CHECKS_TO_VERIFY, nextCheck } from './check-schedule.js';
import type { Answer, Discard, Evidence, FencedAnswer, Moment, Resolution } from './evidence.js';
import type { AttemptChange, AttemptOutcome, MessageState, Step } from './message-state.js';
import {
  adopt,
  applied,
  cleared,
  discarded,
  disproved,
  ignored,
  learn,
  undecided,
  unsettled,
} from './message-transitions.js';
import { reported } from './reported-step.js';

/**
 * Folds one piece of evidence into the state of a message. The only place that decides what a message's status is.
 *
 * Positive evidence - Twilio has it - is adopted from any state, whoever brings it. Negative evidence needs the
 * fence, so a worker that lost its lease cannot put a message back that another is sending. Of proof that contradicts a
 * guess, the disproof comes first: see `disproof.ts`.
 */
export function step(state: MessageState, evidence: Evidence): Step {
  const { at } = evidence;
  switch (evidence.kind) {
    case 'started': {
      if (state.status !== 'queued' || state.dueAt === null || state.dueAt > at) {
        return ignored(state);
      }
      if (evidence.refusal) return discarded(state, at, evidence.refusal, 'refused', 'engine');
      if (at >= state.expiresAt) return discarded(state, at, expired(state), 'expired', 'engine');
      const attempts = state.attempts + 1;
      return {
        ...applied({
          ...state,
          status: 'sending',
          fence: evidence.fence,
          attempts,
          dueAt: evidence.leaseUntil,
        }),
        attempt: { no: attempts, startedAt: at },
      };
    }

    case 'accepted': {
      const { sid, providerStatus } = evidence;
      return {
        // An answer that comes later than the news that the attempt has failed is no news.
        ...(evidence.attempt <= state.failedAttempts
          ? ignored(state)
          : learn(adopt(state, { sid, source: 'response' }, evidence), state, {
              type: 'sent',
              at,
            })),
        attempt: ended(evidence, 'accepted', at, { sid, sidSource: 'response' }),
        event: {
          type: 'sent',
          providerStatus,
          sid,
          errorCode: 0,
          source: 'response',
          occurredAt: at,
        },
      };
    }

    case 'notSent': {
      const attempt = ended(evidence, 'notSent', at, { errorCode: evidence.errorCode });
      if (!isOpen(state, evidence)) {
        return evidence.isUnconfirmed ? ignored(state) : { ...ignored(state), attempt };
      }
      if (evidence.retryAt === null) {
        return { ...discarded(state, at, evidence, 'rejected', 'engine'), attempt };
      }
      const { reason, explanation, errorCode = null, retryAt } = evidence;
      return {
        ...applied({ ...state, status: 'queued', dueAt: retryAt, reason, explanation, errorCode }),
        attempt,
      };
    }

    case 'rejected': {
      const attempt = ended(evidence, 'rejected', at, { errorCode: evidence.errorCode });
      if (!isOpen(state, evidence)) return { ...ignored(state), attempt };
      return { ...discarded(state, at, evidence, 'rejected', 'response'), attempt };
    }

    case 'ambiguous': {
      const attempt = ended(evidence, 'ambiguous', at, {});
      if (state.status !== 'sending' || state.fence !== evidence.fence) {
        return { ...ignored(state), attempt };
      }
      return { ...applied(unsettled(state, at, evidence)), attempt };
    }

    case 'lapsed':
      if (state.status !== 'sending' || state.dueAt === null || state.dueAt > at) {
        return ignored(state);
      }
      return {
        ...applied(unsettled(state, at, evidence)),
        attempt: {
          no: state.attempts,
          endedAt: at,
          outcome: 'ambiguous',
          detail: 'the process that sent it ended before it knew',
        },
      };

    case 'missing': {
      // A look about another attempt proves nothing.
      if (state.status !== 'unknown' || state.attempts !== evidence.attempt) return ignored(state);
      // Each look counts once, and only those that Twilio answered.
      const notFoundCount = Math.min(state.checks, state.notFoundCount + 1);
      const counted = { ...state, notFoundCount };
      if (notFoundCount < CHECKS_TO_VERIFY) return applied(counted);
      const next = unsettled(counted, at, evidence);
      return next.status === 'queued' ? applied(next) : ignored(state);
    }

    case 'undecided':
      return undecided(state, evidence);

    case 'disproved':
      return disproved(state, evidence.sid, at);

    case 'checked':
      if (state.status !== 'unknown' && state.status !== 'sent') return ignored(state);
      if (state.dueAt === null || state.dueAt > at) return ignored(state);
      return applied({
        ...state,
        checks: state.checks + 1,
        dueAt: nextCheck(state.status, state.checks + 1, evidence),
      });

    case 'reported':
      return reported(state, evidence);

    case 'canceled':
      if (state.status !== 'queued') return ignored(state);
      return discarded(state, at, CANCELED, 'canceled', 'operator');

    case 'resolved':
      return resolved(state, evidence);
  }
}

/** An operator's word on a message of which nobody else knows whether it was sent. */
function resolved(state: MessageState, evidence: Resolution & Moment): Step {
  if (state.status !== 'unknown') return ignored(state);
  const { at, status, explanation } = evidence;
  if (status === 'queued') {
    const expiresAt = Math.max(state.expiresAt, at + RESEND_WINDOW_MS);
    return applied({ ...cleared(state), status, dueAt: at, expiresAt });
  }
  if (status === 'discarded') {
    const reason = {
      reason: 'resolved_not_sent',
      explanation: explanation ?? 'An operator found that the message was not sent.',
    };
    return discarded(state, at, reason, 'resolved', 'operator');
  }
  const sent = {
    ...cleared(state),
    status,
    checks: 0,
    // Without a SID there is nothing to ask for.
    dueAt: evidence.sid ? nextCheck('sent', 0, evidence) : null,
    sentAt: at,
    sid: evidence.sid ?? null,
    sidSource: evidence.sid ? ('operator' as const) : null,
  };
  return {
    ...learn(sent, state, { type: 'sent', at }),
    attempt: evidence.sid
      ? {
          no: state.attempts,
          outcome: 'accepted',
          sid: evidence.sid,
          sidSource: 'operator',
          endedAt: at,
        }
      : undefined,
    event: {
      type: 'sent',
      providerStatus: 'resolved',
      sid: evidence.sid ?? '',
      errorCode: 0,
      explanation,
      source: 'operator',
      occurredAt: at,
    },
  };
}

/** How long a message may still take that an operator sends again, however old it is. */
const RESEND_WINDOW_MS = 86_400_000;

/** What kept it from being sent is still the explanation. */
const expired = ({ explanation, errorCode }: MessageState): Discard => ({
  reason: 'expired',
  explanation: `The message could not be sent before it expired. ${explanation ?? 'Nothing was tried.'}`,
  errorCode: errorCode ?? undefined,
});

const CANCELED: Discard = {
  reason: 'canceled',
  explanation: 'The message was cancelled before it was sent.',
};

/** Whether the attempt is undecided: a worker still sends it, or its outcome is unknown since. */
const isOpen = (
  state: MessageState,
  { fence, attempt, isUnconfirmed }: FencedAnswer & { readonly isUnconfirmed?: boolean },
): boolean =>
  (state.status === 'sending' && state.fence === fence) ||
  (state.status === 'unknown' &&
    (state.fence === fence + 1 || (!isUnconfirmed && state.attempts === attempt)));

function ended(
  { attempt, httpStatus, detail }: Answer,
  outcome: AttemptOutcome,
  at: number,
  found: Pick<AttemptChange, 'sid' | 'sidSource' | 'errorCode'>,
): AttemptChange {
  return { no: attempt, endedAt: at, outcome, httpStatus, detail, ...found };
}
