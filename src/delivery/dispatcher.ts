import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { setImmediate } from 'node:timers/promises';
import { DatabaseClock } from '../database/database-clock.js';
import { isDoneWithin } from '../lifecycle/deadline.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { DeliveryOptions, TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { DeliveryAnnouncer } from './announcer.js';
import { Claims, UnconfirmedClaim, type ClaimedMessage } from './claims.js';
import { Courier } from './courier.js';
import { InFlight } from './in-flight.js';
import { MessageLedger } from './ledger.js';
import { NotificationStore, type Shipment } from './notification-store.js';
import { WakeUps } from './wake-ups.js';

const SWEEP_LIMIT = 500;
// A claim is a commit: under load it is made when a good part of what was under way is through, or after a while.
const CLAIM_SHARE = 1 / 4;
const CLAIM_PAUSE_MS = 20;
// Nothing more is sent while the database does not take the outcomes of what was.
const UNSETTLED_SHARE = 2;

/** Decides what is sent when: claims what is due, hands it to the courier, and ends in good order. */
@Injectable()
export class Dispatcher
  implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown
{
  private readonly logger = new Logger(Dispatcher.name);
  private readonly options: DeliveryOptions;
  private readonly underWay = new Set<Promise<void>>();
  private stopping = false;
  private stoppedAt = 0;
  private running?: Promise<void>;
  private wakeUp?: () => void;
  private woken = false;
  private nextSweepAt = 0;
  private claimedAt = -Infinity;
  /** POSTs under way. */
  private posting = 0;
  /** How many of them must still end before a claim is due ahead of its time. */
  private toEnd = 0;

  constructor(
    @InjectWhatsappOptions() { delivery }: TwilioWhatsappOptions,
    private readonly ledger: MessageLedger,
    private readonly notifications: NotificationStore,
    private readonly clock: DatabaseClock,
    private readonly claims: Claims,
    private readonly inFlight: InFlight,
    private readonly courier: Courier,
    private readonly announcer: DeliveryAnnouncer,
    private readonly wakeUps: WakeUps,
  ) {
    this.options = delivery;
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.wakeUps.listen(() => this.wake());
    this.running = this.run();
  }

  /** Sends what was accepted: here, or on whichever node is free. */
  accepted(requestId: string): void {
    this.wake();
    this.wakeUps.ring(requestId);
  }

  /** Looks for due messages now. A hint: whoever forgets to call it only makes them wait for the next look. */
  wake(): void {
    this.woken = true;
    this.wakeUp?.();
  }

  /** Stops claiming. */
  onModuleDestroy(): void {
    this.stopping = true;
    this.stoppedAt = performance.now();
    this.wake();
    this.wakeUps.stopListening();
  }

  /** Waits for what is under way, and for those who are told about it. */
  async beforeApplicationShutdown(): Promise<void> {
    this.wakeUps.close();
    // From the stop on: others may have been waited for before.
    const deadline = this.stoppedAt + this.options.drainTimeoutMs;
    await isDoneWithin(this.drain(), deadline - performance.now());
    this.courier.dismiss();
  }

  private async drain(): Promise<void> {
    await this.running;
    await Promise.all(this.underWay);
    await this.announcer.idle();
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      this.woken = false;
      let restMs = this.options.pollIntervalMs;
      try {
        await this.sweep();
        restMs = await this.claimAndSend();
      } catch (error) {
        // It need not be the database that failed: the error says what did.
        this.logger.error('Due messages could not be claimed', error);
      }
      // Whoever else wants to run must get a turn in any case.
      await (restMs > 0 ? this.rest(restMs) : setImmediate());
    }
  }

  private async sweep(): Promise<void> {
    const now = performance.now();
    if (now < this.nextSweepAt) return;
    this.nextSweepAt = now + this.options.pollIntervalMs;
    await this.clock.synchronise();
    await this.ledger.sweep(SWEEP_LIMIT);
  }

  /** @returns how long to rest before the next look, in milliseconds */
  private async claimAndSend(): Promise<number> {
    const begun = performance.now();
    const pause = this.claimedAt + CLAIM_PAUSE_MS - begun;
    if (pause > 0 && this.toEnd > 0) return pause;
    if (this.underWay.size - this.posting > this.options.maxInFlight * UNSETTLED_SHARE) {
      return CLAIM_PAUSE_MS;
    }
    this.claimedAt = begun;
    const { messages, restMs } = await this.claims.take(this.courier.leaseMs).catch((error) => {
      if (error instanceof UnconfirmedClaim) {
        for (const message of error.messages) this.track(this.courier.withdraw(message));
      }
      throw error;
    });
    const shipments = await this.shipmentsOf(messages);
    for (const message of messages) {
      this.track(this.deliver(message, shipments.get(message.requestId), begun));
    }
    this.toEnd = Math.max(1, this.posting * CLAIM_SHARE);
    return restMs;
  }

  private async shipmentsOf(messages: readonly ClaimedMessage[]): Promise<Map<string, Shipment>> {
    try {
      return await this.notifications.loadFor(messages);
    } catch (error) {
      this.logger.error('The notifications of claimed messages could not be read', error);
      return new Map();
    }
  }

  private async deliver(
    message: ClaimedMessage,
    shipment: Shipment | undefined,
    begun: number,
  ): Promise<void> {
    const { id, accountSid, sender } = message;
    this.posting++;
    this.inFlight.begin(accountSid, sender);
    const end = await this.courier.post(message, shipment, begun).finally(() => {
      this.inFlight.end(accountSid, sender);
      this.posting--;
      this.toEnd--;
      this.wake();
    });
    await this.courier.settle(id, end);
  }

  private track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => this.logger.error('A message was put aside', error))
      .finally(() => this.underWay.delete(tracked));
    this.underWay.add(tracked);
  }

  /** Rests until somebody wakes us, or until it is time to look again. */
  private async rest(ms: number): Promise<void> {
    if (this.woken || this.stopping) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.wakeUp = resolve;
      timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
    this.wakeUp = undefined;
  }
}
