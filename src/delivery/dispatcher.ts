import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { ProviderInstances } from '../providers/provider-instances.service.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { DeliveryOptions, TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { DeliveryAnnouncer } from './announcer.js';
import { CredentialsBreaker } from './breaker.js';
import { Courier } from './courier.js';
import { MessageLedger, type ClaimedMessage } from './ledger.js';
import { NotificationStore, type Shipment } from './notification-store.js';

const SWEEP_LIMIT = 500;
// A claim is a commit: under load it is made for a good part of what fits, or when this time has passed.
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

  constructor(
    @InjectWhatsappOptions() { delivery }: TwilioWhatsappOptions,
    private readonly ledger: MessageLedger,
    private readonly notifications: NotificationStore,
    private readonly instances: ProviderInstances,
    private readonly courier: Courier,
    private readonly breaker: CredentialsBreaker,
    private readonly announcer: DeliveryAnnouncer,
  ) {
    this.options = delivery;
  }

  onApplicationBootstrap(): void {
    this.running = this.run();
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
  }

  /** Waits for what is under way, and for those who are told about it. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.running;
    let deadline: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      deadline = setTimeout(resolve, this.options.drainTimeoutMs);
    });
    const drained = Promise.all(this.underWay).then(() => this.announcer.idle());
    await Promise.race([drained, late]);
    clearTimeout(deadline);
    this.courier.dismiss();
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
      if (restMs > 0) await this.rest(restMs);
    }
  }

  private async sweep(): Promise<void> {
    const now = performance.now();
    if (now < this.nextSweepAt) return;
    this.nextSweepAt = now + this.options.pollIntervalMs;
    await this.ledger.sweep(SWEEP_LIMIT);
  }

  /** @returns how long to rest before the next look, in milliseconds */
  private async claimAndSend(): Promise<number> {
    const { maxInFlight, pollIntervalMs } = this.options;
    const free = maxInFlight - this.underWay.size;
    if (free <= 0) return pollIntervalMs;
    const pause = this.claimedAt + CLAIM_PAUSE_MS - performance.now();
    if (free < maxInFlight * CLAIM_SHARE && pause > 0) return pause;

    const held = await this.heldInstances();
    const { messages, more } = await this.ledger.claim(free, this.courier.leaseMs, held);
    this.claimedAt = performance.now();
    if (messages.length > 0) {
      const shipments = await this.notifications.load(messages.map(({ requestId }) => requestId));
      for (const message of messages) this.send(message, shipments.get(message.requestId));
    }
    return more ? 0 : pollIntervalMs;
  }

  /** Ids of the instances whose messages stay queued: disabled ones, and those whom Twilio refuses. */
  private async heldInstances(): Promise<string[]> {
    return (await this.instances.living())
      .filter(
        ({ row, credentials }) =>
          !row.enabled || this.breaker.holdsBack(row.id, credentials.authToken),
      )
      .map(({ row }) => row.id);
  }

  private send(message: ClaimedMessage, shipment?: Shipment): void {
    const sending = this.handOver(message, shipment)
      .catch((error: unknown) => this.logger.error(`Message ${message.id} was put aside`, error))
      .finally(() => {
        this.underWay.delete(sending);
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
