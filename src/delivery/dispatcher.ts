import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { setImmediate } from 'node:timers/promises';
import { DatabaseClock } from '../database/database-clock.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { DeliveryOptions, TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { DeliveryAnnouncer } from './announcer.js';
import { Claims, type ClaimedMessage } from './claims.js';
import { Courier } from './courier.js';
import { InFlight } from './in-flight.js';
import { MessageLedger } from './ledger.js';
import { NotificationStore, type Shipment } from './notification-store.js';
import { WakeUps } from './wake-ups.js';

const SWEEP_LIMIT = 500;
// A claim is a commit: under load it is made when a good part of what was under way is through, or after a while.
const CLAIM_SHARE = 1 / 4;
const CLAIM_PAUSE_MS = 20;

/** Decides what is sent when: claims what is due, hands it to the courier, and ends in good order. */
@Injectable()
export class Dispatcher
  implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown
{
  private readonly logger = new Logger(Dispatcher.name);
  private readonly options: DeliveryOptions;
  private readonly underWay = new Set<Promise<void>>();
  private stopping = false;
  private running?: Promise<void>;
  private wakeUp?: () => void;
  private woken = false;
  private nextSweepAt = 0;
  private claimedAt = -Infinity;
  /** How many must still end before a claim is due ahead of its time. */
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
    this.wake();
    this.wakeUps.stopListening();
  }

  /** Waits for what is under way, and for those who are told about it. */
  async beforeApplicationShutdown(): Promise<void> {
    this.wakeUps.close();
    let deadline: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      deadline = setTimeout(resolve, this.options.drainTimeoutMs);
    });
    await Promise.race([this.drain(), late]);
    clearTimeout(deadline);
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
        this.logger.error('The database could not be asked for due messages', error);
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
    const pause = this.claimedAt + CLAIM_PAUSE_MS - performance.now();
    if (pause > 0 && this.toEnd > 0) return pause;
    this.claimedAt = performance.now();
    const { messages, restMs } = await this.claims.take(this.courier.leaseMs);
    if (messages.length > 0) {
      const shipments = await this.notifications.load(messages.map(({ requestId }) => requestId));
      for (const message of messages) this.send(message, shipments.get(message.requestId));
    }
    this.toEnd = Math.max(1, this.underWay.size * CLAIM_SHARE);
    return restMs;
  }

  private send(message: ClaimedMessage, shipment?: Shipment): void {
    const { accountSid, sender } = message;
    this.inFlight.begin(accountSid, sender);
    const sending = this.handOver(message, shipment)
      .catch((error: unknown) => this.logger.error(`Message ${message.id} was put aside`, error))
      .finally(() => {
        this.inFlight.end(accountSid, sender);
        this.underWay.delete(sending);
        this.toEnd--;
        this.wake();
      });
    this.underWay.add(sending);
  }

  private async handOver(message: ClaimedMessage, shipment?: Shipment): Promise<void> {
    if (!shipment) throw new Error(`Its notification ${message.requestId} cannot be read.`);
    await (this.stopping
      ? this.courier.giveBack(message)
      : this.courier.deliver(message, shipment));
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
