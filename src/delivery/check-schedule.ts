import type { Moment } from './evidence.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How long to wait before each look at Twilio, in milliseconds, while nothing is heard of a message. */
const WAITS = {
  /** Its answer was lost: is it in Twilio's list? */
  unknown: [15 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, DAY, DAY, DAY],
  /** Its callbacks may have been lost: what became of it? */
  sent: [10 * MINUTE, HOUR, 6 * HOUR, DAY],
  /** Twilio sends no callbacks for it: its status comes from polling only. */
  uncalled: [MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, DAY],
} as const;

/** Complete answers with Twilio's list, over 21 minutes or more, after which a message that is not in it counts as missing. */
export const CHECKS_TO_VERIFY = 4;

/**
 * When Twilio is to be asked about a message, if nothing is heard of it before.
 *
 * @param checks how often it was asked in this status
 * @returns null when it is not to be asked any more
 */
export function nextCheck(
  status: 'unknown' | 'sent',
  checks: number,
  { at, isUncalled }: Moment,
): number | null {
  const waits = WAITS[status === 'sent' && isUncalled ? 'uncalled' : status];
  const wait: number | undefined = waits[checks];
  return wait === undefined ? null : at + wait;
}
