import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { CallbackUrls } from '../providers/callback-urls.js';
import { ProviderInstances } from '../providers/provider-instances.service.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { DeliveryOptions, TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import type { Outcome } from '../twilio/outcome.js';
import { TwilioGateway } from '../twilio/twilio.gateway.js';
import { MessageLedger, type ClaimedMessage } from './ledger.js';
import { messageRequest } from './message-request.js';
import type { Discard, Evidence } from './evidence.js';
import { NotificationStore, type Shipment } from './notification-store.js';
import { retryDelay } from './retry.js';

/** Beyond the request's own time-out, so that a lease ends only when its request must have. */
const LEASE_MARGIN_MS = 15_000;
const CLAIM_SHARE = 1 / 4;
const SWEEP_LIMIT = 500;
/** How soon a message is looked at again whose instance is disabled. */
const DISABLED_RETRY_MS = 10_000;
const STORE_RETRY_MS = 500;
const LONGEST_STORE_RETRY_MS = 30_000;

const INSTANCE_DELETED: Discard = {
  reason: 'instance_deleted',
  explanation: 'The provider instance was deleted before the message was sent.',
};

/** Sends what is due: claims messages, POSTs them side by side, and records what came of it. */
@Injectable()
export class Dispatcher
  implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown
{
  private readonly logger = new Logger(Dispatcher.name);
  private readonly options: DeliveryOptions;
  private readonly leaseMs: number;
  private readonly underWay = new Set<Promise<void>>();
  private stopping = false;
  private abandoned = false;
  private running?: Promise<void>;
  private timer?: NodeJS.Timeout;
  private wakeUp?: () => void;
  private woken = false;

  constructor(
    @InjectWhatsappOptions() { delivery }: TwilioWhatsappOptions,
    private readonly ledger: MessageLedger,
    private readonly notifications: NotificationStore,
    private readonly instances: ProviderInstances,
    private readonly callbackUrls: CallbackUrls,
    private readonly gateway: TwilioGateway,
  ) {
    this.options = delivery;
    this.leaseMs = delivery.requestTimeoutMs + LEASE_MARGIN_MS;
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

  /** Waits for what is under way. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.running;
    const drained = Promise.all(this.underWay);
    let deadline: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      deadline = setTimeout(resolve, this.options.drainTimeoutMs);
    });
    await Promise.race([drained, late]);
    clearTimeout(deadline);
    this.abandoned = true;
  }

  private async run(): Promise<void> {
    let nextSweep = 0;
    while (!this.stopping) {
      this.woken = false;
      let more = false;
      try {
        if (Date.now() >= nextSweep) {
          await this.ledger.sweep(SWEEP_LIMIT);
          nextSweep = Date.now() + this.options.pollIntervalMs;
        }
        more = await this.claimAndSend();
      } catch (error) {
        this.logger.error('The database could not be asked for due messages', error);
      }
      if (!more) await this.rest();
    }
  }

  /** @returns whether more can be claimed at once */
  private async claimAndSend(): Promise<boolean> {
    const free = this.options.maxInFlight - this.underWay.size;
    // A claim is a commit: it is made for a good part of what fits, not for each message that ends.
    if (free < this.options.maxInFlight * CLAIM_SHARE) return false;
    const { messages, more } = await this.ledger.claim(free, this.leaseMs);
    if (messages.length === 0) return more;
    const shipments = await this.notifications.load(messages.map(({ requestId }) => requestId));
    for (const message of messages) {
      const sending = this.deliver(message, shipments.get(message.requestId))
        .catch((error: unknown) => this.logger.error(`Message ${message.id} was put aside`, error))
        .finally(() => {
          this.underWay.delete(sending);
          this.wake();
        });
      this.underWay.add(sending);
    }
    return more;
  }

  /** Rests until somebody wakes us, or until it is time to look again. */
  private async rest(): Promise<void> {
    if (this.woken || this.stopping) return;
    await new Promise<void>((resolve) => {
      this.wakeUp = resolve;
      this.timer = setTimeout(resolve, this.options.pollIntervalMs);
    });
    clearTimeout(this.timer);
    this.wakeUp = undefined;
  }

  private async deliver(message: ClaimedMessage, shipment?: Shipment): Promise<void> {
    const { id, instanceId, fence } = message;
    if (!shipment) throw new Error(`Its notification ${message.requestId} is gone.`);
    const instance = await this.instances.find(instanceId);
    const at = Date.now();
    if (!instance || instance.row.deletedAt !== null) {
      await this.ledger.record(id, { kind: 'refused', at, fence, ...INSTANCE_DELETED });
      return;
    }
    if (this.stopping || !instance.row.enabled) {
      const dueAt = this.stopping ? at : at + DISABLED_RETRY_MS;
      await this.ledger.record(id, { kind: 'released', at, fence, dueAt });
      return;
    }

    const credentials = this.notifications.credentialsFor(message.requestId, shipment);
    const begun = performance.now();
    const leaseUntil = at + this.leaseMs;
    const { applied, state } = await this.ledger.record(id, {
      kind: 'started',
      at,
      fence,
      leaseUntil,
    });
    if (!applied || !state) return;

    const attempt = state.attempts;
    const request = messageRequest(
      shipment.parameters,
      message.to,
      this.callbackUrls.ofAttempt({ instanceId, messageId: id, attempt }),
    );
    const outcome: Outcome =
      performance.now() - begun > LEASE_MARGIN_MS
        ? HELD_TOO_LONG
        : await this.gateway.send(credentials ?? instance.credentials, request);
    await this.recordInTheEnd(id, evidenceOf(outcome, attempt, fence));
  }

  /** What came of a POST is known only here: it is offered to the database until it takes it. */
  private async recordInTheEnd(id: string, evidence: Evidence): Promise<void> {
    for (let wait = STORE_RETRY_MS; ; wait = Math.min(wait * 2, LONGEST_STORE_RETRY_MS)) {
      try {
        await this.ledger.record(id, evidence);
        return;
      } catch (error) {
        this.logger.error(`The outcome of message ${id} could not be stored yet`, error);
        if (this.abandoned) return;
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }
}

const HELD_TOO_LONG: Outcome = {
  kind: 'notSent',
  reason: 'lease_lost',
  explanation: 'This process stood still for too long to send the message safely.',
  detail: 'the process stood still between the attempt and its POST',
};

function evidenceOf(outcome: Outcome, attempt: number, fence: number): Evidence {
  const at = Date.now();
  if (outcome.kind !== 'notSent') return { ...outcome, at, attempt, fence };
  const delay = retryDelay(attempt, outcome.retryAfterMs);
  return { ...outcome, at, attempt, fence, retryAt: delay === null ? null : at + delay };
}
