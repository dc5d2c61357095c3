import { nextCheck } from './check-schedule.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Milliseconds between one question and the next, until there are no more. */
function waits(status: 'unknown' | 'sent', isUncalled?: boolean): number[] {
  const found: number[] = [];
  for (;;) {
    const at = nextCheck(status, found.length, { at: 1000, isUncalled });
    if (at === null) return found;
    found.push(at - 1000);
  }
}

describe('nextCheck', () => {
  it('gives callbacks ten minutes', () => {
    expect(waits('sent')).toEqual([10 * MINUTE, HOUR, 6 * HOUR, DAY]);
  });

  it('asks soon where no callbacks can come', () => {
    expect(waits('sent', true)).toEqual([MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, DAY]);
  });

  it('looks for a lost answer at the same times, with callbacks or without', () => {
    expect(waits('unknown', true)).toEqual(waits('unknown'));
  });
});
