import type { InFlight } from './in-flight.js';

/** A queue, and the account that sends its messages: empty when nobody does. */
interface SharingQueue {
  readonly sender: string;
  readonly accountSid: string;
}

/** Messages without an address that are given up in one claim. */
const MAX_REFUSED = 500;

/** Shares the requests that accounts may still begin out among the queues. */
export class Shares {
  private readonly waiting = new Map<string, number>();
  private readonly taken = new Map<string, number>();

  constructor(
    queues: readonly SharingQueue[],
    private readonly inFlight: InFlight,
  ) {
    for (const { accountSid } of queues) {
      this.waiting.set(accountSid, (this.waiting.get(accountSid) ?? 0) + 1);
    }
  }

  /** What the next of an account's queues may take: an equal part of what those before it have left. */
  of({ accountSid, sender }: SharingQueue): number {
    if (accountSid === '') return MAX_REFUSED;
    const room = this.inFlight.room(accountSid, sender) - (this.taken.get(accountSid) ?? 0);
    return Math.max(0, Math.ceil(room / this.waiting.get(accountSid)!));
  }

  /** Notes what the queue has taken of its share. */
  take({ accountSid }: SharingQueue, count: number): void {
    this.waiting.set(accountSid, this.waiting.get(accountSid)! - 1);
    this.taken.set(accountSid, (this.taken.get(accountSid) ?? 0) + count);
  }
}
