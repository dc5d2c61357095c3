import { Injectable, Logger } from '@nestjs/common';
import { DatabaseClock } from '../database/database-clock.js';
import { DatabaseError } from '../database/database-error.js';
import { CallbackUrls } from '../providers/callback-urls.js';
import type { ProviderInstance } from '../providers/provider-instance.store.js';
import { ProviderInstances } from '../providers/provider-instances.service.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { DeliveryOptions, TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { CREDENTIALS_INVALID, type Outcome } from '../twilio/outcome.js';
import { secretOf, TwilioGateway, type TwilioCredentials } from '../twilio/twilio.gateway.js';
import { CredentialsBreaker } from './breaker.js';
import type { Discard, Evidence } from './evidence.js';
import type { ClaimedMessage } from './claims.js';
import { InFlight } from './in-flight.js';
import { MessageLedger } from './ledger.js';
import { messageRequest } from './message-request.js';
import { NotificationStore, type Shipment } from './notification-store.js';
import { MAX_ATTEMPTS, retryDelay } from './retry.js';

const TOO_MANY_REQUESTS = 429;
const STORE_RETRY_MS = 500;
const LONGEST_STORE_RETRY_MS = 30_000;

const INSTANCE_DELETED: Discard = {
  reason: 'instance_deleted',
  explanation: 'The provider instance was deleted before the message was sent.',
};

const HELD_TOO_LONG: Outcome = {
  kind: 'notSent',
  reason: 'lease_lost',
  explanation: 'This process stood still for too long to send the message safely.',
  detail: 'the process stood still between the attempt and its POST',
};

/** What only the worker that holds a message can know of it. */
type OwnEvidence = Extract<
  Evidence,
  { kind: 'accepted' | 'notSent' | 'rejected' | 'ambiguous' | 'released' }
>;

/** Carries one claimed message to Twilio: attempt row, POST, outcome. */
@Injectable()
export class Courier {
  /** How long a worker may hold a message: its request's time-out and a margin, in milliseconds. */
  readonly leaseMs: number;
  private readonly options: DeliveryOptions;
  private readonly marginMs: number;
  private readonly logger = new Logger(Courier.name);
  private isDismissed = false;

  constructor(
    @InjectWhatsappOptions() { delivery }: TwilioWhatsappOptions,
    private readonly ledger: MessageLedger,
    private readonly notifications: NotificationStore,
    private readonly instances: ProviderInstances,
    private readonly callbackUrls: CallbackUrls,
    private readonly gateway: TwilioGateway,
    private readonly breaker: CredentialsBreaker,
    private readonly inFlight: InFlight,
    private readonly clock: DatabaseClock,
  ) {
    this.options = delivery;
    this.marginMs = delivery.requestTimeoutMs / 2;
    this.leaseMs = delivery.requestTimeoutMs + this.marginMs;
  }

  async deliver(message: ClaimedMessage, shipment: Shipment): Promise<void> {
    const { id, instanceId, fence } = message;
    // Another node may have made it a moment ago.
    const instance =
      (await this.instances.find(instanceId)) ?? (await this.instances.find(instanceId, 0));
    const begun = performance.now();
    const at = this.clock.now();
    if (!instance || instance.row.deletedAt !== null) {
      await this.ledger.record(id, { kind: 'refused', at, fence, ...INSTANCE_DELETED });
      return;
    }
    const credentials = this.notifications.credentialsFor(message.requestId, shipment);

    const leaseUntil = at + this.leaseMs;
    const { applied, state } = await this.ledger
      .record(id, { kind: 'started', at, fence, leaseUntil })
      .catch(async (error: unknown) => {
        // The commit may have come about all the same; that nothing was sent is known only here.
        await this.recordInTheEnd(id, { kind: 'released', at: this.clock.now(), fence, dueAt: at });
        throw error;
      });
    if (!applied || !state) return;

    const attempt = state.attempts;
    const request = messageRequest(
      shipment.parameters,
      message.to,
      this.callbackUrls.ofAttempt({ instanceId, messageId: id, attempt }),
    );
    const used = credentials ?? instance.credentials;
    const outcome = isLeaseSafe(begun, performance.now(), this.marginMs)
      ? await this.gateway.send(used, request)
      : HELD_TOO_LONG;
    if (outcome.httpStatus === TOO_MANY_REQUESTS) this.inFlight.refused(used.accountSid);
    else if (outcome.httpStatus !== undefined) this.inFlight.passed(used.accountSid);
    const retryMs = this.retryIn(outcome, attempt, instance, used);
    await this.recordInTheEnd(
      id,
      evidenceOf(outcome, retryMs, { at: this.clock.now(), attempt, fence }),
    );
  }

  /** Milliseconds until the message is tried again, where it may be; null to give it up, or to hold it. */
  private retryIn(
    outcome: Outcome,
    attempt: number,
    { row, credentials }: ProviderInstance,
    used: TwilioCredentials,
  ): number | null {
    const areOwn = secretOf(used) === secretOf(credentials);
    if (outcome.kind === 'ambiguous') {
      return this.options.ambiguousPolicy === 'resend' ? retryDelay(attempt) : null;
    }
    if (outcome.kind !== 'notSent') {
      if (areOwn) this.breaker.passed(row.id);
      return null;
    }
    if (outcome.reason === CREDENTIALS_INVALID) {
      // Those of the instance can be corrected, and its messages wait; those of a request never will be.
      if (areOwn) return this.breaker.refused(row.id, secretOf(used));
      if (attempt >= MAX_ATTEMPTS) return null;
    }
    return retryDelay(attempt, outcome.retryAfterMs);
  }

  /** Gives a claimed message back unsent. */
  async giveBack({ id, fence }: ClaimedMessage): Promise<void> {
    const at = this.clock.now();
    await this.ledger.record(id, { kind: 'released', at, fence, dueAt: at });
  }

  /** Stops offering outcomes to a database that does not take them: the process is about to end. */
  dismiss(): void {
    this.isDismissed = true;
  }

  /** What came of a POST is known only here: it is offered to the database until it takes it. */
  private async recordInTheEnd(id: string, evidence: OwnEvidence): Promise<void> {
    let wait = STORE_RETRY_MS;
    let offered = evidence;
    do {
      try {
        await this.ledger.record(id, offered);
        return;
      } catch (error) {
        this.logger.error(`The outcome of message ${id} could not be stored yet`, error);
        if (error instanceof DatabaseError && error.isRefusal) offered = acceptable(offered, error);
        await new Promise((resolve) => setTimeout(resolve, wait));
        wait = Math.min(wait * 2, LONGEST_STORE_RETRY_MS);
      }
    } while (!this.isDismissed);
  }
}

/** What the database takes in place of evidence that it has refused, and would refuse again. */
function acceptable(evidence: OwnEvidence, { isDuplicate }: DatabaseError): OwnEvidence {
  const { kind, at, fence } = evidence;
  if (kind === 'released') return evidence;
  // A SID that another message has proves nothing about this one.
  if (kind === 'accepted' && !isDuplicate)
    return { ...evidence, providerStatus: 'accepted', detail: undefined };
  const detail = kind === 'accepted' ? 'its SID belongs to another message' : undefined;
  return { kind: 'ambiguous', at, fence, attempt: evidence.attempt, detail };
}

/** Whether a POST that begins now ends before the lease does. Times are of the monotonic clock. */
export const isLeaseSafe = (begun: number, now: number, marginMs: number): boolean =>
  now - begun <= marginMs;

function evidenceOf(
  outcome: Outcome,
  retryMs: number | null,
  attempt: { at: number; attempt: number; fence: number },
): OwnEvidence {
  const at = retryMs === null ? null : attempt.at + retryMs;
  if (outcome.kind === 'ambiguous') return { ...outcome, ...attempt, resendAt: at ?? undefined };
  if (outcome.kind === 'notSent') return { ...outcome, ...attempt, retryAt: at };
  return { ...outcome, ...attempt };
}
