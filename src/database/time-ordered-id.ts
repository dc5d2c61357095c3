import { randomUUID } from 'node:crypto';

const COUNTS = 0x1000;
/** A clock that goes back by more was set right: ids that stayed ahead would say for long that rows are younger than they are. */
const MAX_AHEAD_MS = 60_000;

/**
 * Makes UUIDs of version 7 (RFC 9562): time first, then a count within the millisecond, then chance. Of one maker, the
 * newer always sorts behind the older, so that new rows go to the end of their indexes; unless the clock is set back.
 */
export function idMaker(): (now: number) => string {
  let millisecond = 0;
  let count = 0;
  let head = '';
  const begin = (at: number) => {
    millisecond = at;
    count = 0;
    head = headAt(at);
  };
  return (now) => {
    if (now > millisecond || now < millisecond - MAX_AHEAD_MS) begin(now);
    else if (++count === COUNTS) begin(millisecond + 1);
    return head + count.toString(16).padStart(3, '0') + randomUUID().slice(18);
  };
}

/** A new id of a row at an instant by the database's clock, in milliseconds since 1970. */
export const newId = idMaker();

/** The smallest id that can be made at an instant, in milliseconds since 1970. */
export const firstIdAt = (instant: number): string =>
  `${headAt(Math.max(0, Math.floor(instant)))}000-8000-000000000000`;

function headAt(at: number): string {
  const time = at.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7`;
}

/** When an id was made, in milliseconds since 1970. */
export const instantOf = (id: string): number => parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
