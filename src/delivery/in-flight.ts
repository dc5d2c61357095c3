import { Injectable } from '@nestjs/common';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';

/** How many requests of an account may be under way at once to begin with. */
const FIRST_LIMIT = 64;
const STEP_MS = 1000;
/** This part of an account's requests is kept for the first request of senders that have none under way: nobody waits behind a backlog. */
const RESERVED_SHARE = 1 / 16;
const MAX_IDLE_ACCOUNTS = 1000;

/** The requests of an account that are under way, and how many Twilio stands. */
interface Load {
  limit: number;
  underWay: number;
  /** Of the monotonic clock, in milliseconds. */
  changedAt: number;
  hasBeenRefused: boolean;
}

/**
 * Bounds the requests of each account that are under way in this process. The bound adapts: it doubles for every
 * second in which it was used up and nothing refused; after Twilio's first "too many requests" it halves, and grows by
 * one a second from then on.
 */
@Injectable()
export class InFlight {
  private readonly loads = new Map<string, Load>();
  private readonly bySender = new Map<string, number>();
  private readonly max: number;

  constructor(@InjectWhatsappOptions() { delivery }: TwilioWhatsappOptions) {
    this.max = delivery.maxInFlight;
  }

  /** How many requests the account may have under way. */
  limit(accountSid: string): number {
    return this.loads.get(accountSid)?.limit ?? this.firstLimit;
  }

  /** How many more requests the sender may begin. */
  room(accountSid: string, sender: string): number {
    const limit = this.limit(accountSid);
    const free = limit - (this.loads.get(accountSid)?.underWay ?? 0);
    const room = Math.max(0, free - reserved(limit));
    return this.bySender.has(sender) ? room : Math.max(room, Math.min(1, free));
  }

  begin(accountSid: string, sender: string): void {
    this.load(accountSid).underWay++;
    this.bySender.set(sender, (this.bySender.get(sender) ?? 0) + 1);
  }

  end(accountSid: string, sender: string): void {
    this.load(accountSid).underWay--;
    const left = this.bySender.get(sender)! - 1;
    if (left > 0) this.bySender.set(sender, left);
    else this.bySender.delete(sender);
  }

  /** Twilio answered, and not that there were too many requests. */
  passed(accountSid: string, now = performance.now()): void {
    const load = this.load(accountSid);
    const isUsedUp = load.underWay >= load.limit - reserved(load.limit);
    if (!isUsedUp || now - load.changedAt < STEP_MS) return;
    load.limit = Math.min(this.max, load.hasBeenRefused ? load.limit + 1 : load.limit * 2);
    load.changedAt = now;
  }

  /** Twilio said that there are too many requests. Those that were under way together say it once. */
  refused(accountSid: string, now = performance.now()): void {
    const load = this.load(accountSid);
    if (load.hasBeenRefused && now - load.changedAt < STEP_MS) return;
    load.limit = Math.max(1, Math.floor(load.limit / 2));
    load.hasBeenRefused = true;
    load.changedAt = now;
  }

  private get firstLimit(): number {
    return Math.min(FIRST_LIMIT, this.max);
  }

  private load(accountSid: string): Load {
    let load = this.loads.get(accountSid);
    if (!load) {
      if (this.loads.size >= MAX_IDLE_ACCOUNTS) this.forgetIdle();
      load = { limit: this.firstLimit, underWay: 0, changedAt: 0, hasBeenRefused: false };
      this.loads.set(accountSid, load);
    }
    return load;
  }

  private forgetIdle(): void {
    for (const [accountSid, { underWay }] of this.loads) {
      if (underWay === 0) this.loads.delete(accountSid);
    }
  }
}

const reserved = (limit: number): number =>
  limit > 1 ? Math.max(1, Math.floor(limit * RESERVED_SHARE)) : 0;
