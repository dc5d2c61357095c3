/**
 * The generic cell rate algorithm: one number says how far ahead of the time somebody has sent. It keeps a rate
 * exactly, allows a burst after a rest, and needs no window and no timer.
 */
export interface Rate {
  /** Microseconds between two sends. */
  readonly intervalUs: number;
  /** Sends that may come at once after a rest. */
  readonly burst: number;
}

/** A rate with a burst of a tenth of it, at least one. */
export const rateOf = (perSecond: number): Rate => ({
  intervalUs: 1_000_000 / perSecond,
  burst: Math.max(1, Math.floor(perSecond / 10)),
});

/**
 * How many may be sent now.
 *
 * @param aheadUntil up to when what was sent is paid for, in microseconds since 1970
 * @param now microseconds since 1970
 */
export const available = (aheadUntil: number, now: number, rate: Rate): number =>
  Math.floor(rate.burst - aheadOf(aheadUntil, now, rate) / rate.intervalUs);

/** Nobody gets further ahead than by a burst, unless the clock was set back: that is forgiven. */
const aheadOf = (aheadUntil: number, now: number, { intervalUs, burst }: Rate): number =>
  Math.min(Math.max(0, aheadUntil - now), burst * intervalUs);

/** Up to when is paid for once so many more were sent. */
export const afterSending = (count: number, aheadUntil: number, now: number, rate: Rate): number =>
  Math.ceil(now + aheadOf(aheadUntil, now, rate) + count * rate.intervalUs);

/** Microseconds until half of the burst may be sent at once: to look earlier would be to look for every single one. */
export function untilWorthwhile(aheadUntil: number, now: number, rate: Rate): number {
  const { intervalUs, burst } = rate;
  const wanted = Math.max(1, Math.floor(burst / 2));
  return Math.max(0, aheadOf(aheadUntil, now, rate) - (burst - wanted) * intervalUs);
}
