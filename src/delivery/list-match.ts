import { LIST_PAGE, type ListedMessage } from '../twilio/twilio.gateway.js';

/** An attempt whose answer was lost. */
export interface LostAttempt {
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly requestTimeoutMs: number;
  /** Absent when the text comes from a template: Twilio lists such messages without it. */
  readonly body?: string;
}

const CLOCK_TOLERANCE_MS = 5000;
const LIST_TOLERANCE_MS = 60_000;

/**
 * The listed messages that a lost attempt may have made, oldest first: sent through the API, at that time, with that
 * text, and not known to belong to another message.
 */
export function matches(
  listed: readonly ListedMessage[],
  { startedAt, requestTimeoutMs, body }: LostAttempt,
  ownedSids: ReadonlySet<string>,
): ListedMessage[] {
  const from = startedAt - CLOCK_TOLERANCE_MS;
  const until = startedAt + requestTimeoutMs + LIST_TOLERANCE_MS;
  return listed
    .filter(
      (message) =>
        message.direction === 'outbound-api' &&
        message.createdAt >= from &&
        message.createdAt <= until &&
        (body === undefined || message.body === body) &&
        !ownedSids.has(message.sid),
    )
    .toSorted((a, b) => a.createdAt - b.createdAt);
}

/** Whether the list goes back beyond the attempt, so that what is not in it is missing. */
export const reachesBackTo = (
  listed: readonly ListedMessage[],
  { startedAt }: Pick<LostAttempt, 'startedAt'>,
): boolean =>
  listed.length < LIST_PAGE ||
  listed.some(({ createdAt }) => createdAt < startedAt - CLOCK_TOLERANCE_MS);
