import { Injectable, Logger } from '@nestjs/common';
import { DatabaseClock } from '../database/database-clock.js';
import { DatabaseError } from '../database/database-error.js';
import { CallbackUrls } from '../providers/callback-urls.js';
import type { ProviderInstance } from '../providers/provider-instance.store.js';
import { ProviderInstances } from '../providers/provider-instances.service.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { DeliveryOptions, TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { CREDENTIALS_INVALID, type Outcome } from '../twilio/outcome.js';
import {
  secretOf,
  TwilioGateway,
  type TwilioCredentials,
  type TwilioParameters,
} from '../twilio/twilio.gateway.js';
import { CredentialsBreaker } from './breaker.js';
import type { Evidence } from './evidence.js';
import type { ClaimedMessage } from './claims.js';
import { InFlight } from './in-flight.js';
import { MessageLedger } from './ledger.js';
import { messageRequest } from './message-request.js';
import { NotificationStore, type Shipment } from './notification-store.js';
import { MAX_ATTEMPTS, retryDelay } from './retry.js';

const TOO_MANY_REQUESTS = 429;
/** Nobody waits for the outcome of an attempt: a few of them share a commit. */
const SETTLE_PATIENCE_MS = 10;
const STORE_RETRY_MS = 500;
const LONGEST_STORE_RETRY_MS = 30_000;

const HELD_TOO_LONG: Outcome = {
  kind: 'notSent',
  reason: 'lease_lost',
  explanation: 'This process stood still for too long to send the message safely.',
  detail: 'the process stood still between the attempt and its POST',
};

const UNREADABLE: Outcome = {
  kind: 'notSent',
  reason: 'unreadable',
  explanation:
    'What the message is sent with could not be read; the log says why. An encryption key that is missing must be put back into encryptionKeys.',
  detail: 'what it is sent with could not be read',
};

const UNCONFIRMED = {
  kind: 'notSent',
  isUnconfirmed: true,
  reason: 'unconfirmed',
  explanation: 'The database did not confirm that the message may be sent.',
  detail: 'it was withdrawn before anything was sent',
} as const;

/** What only the worker that holds a message can know of it: how its attempt ended. */
type AttemptEnd = Extract<Evidence, { kind: 'accepted' | 'notSent' | 'rejected' | 'ambiguous' }>;

/** All that a POST needs. */
interface Parcel {
  readonly instance: ProviderInstance;
  readonly credentials: TwilioCredentials;
  readonly request: TwilioParameters;
}

/** Carries one started message to Twilio, and what came of it to the ledger. */
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
    this.marginMs = Math.ceil(delivery.requestTimeoutMs / 2);
    this.leaseMs = delivery.requestTimeoutMs + this.marginMs;
  }

  /**
   * POSTs the message. Never rejects: what went wrong is part of how the attempt ended.
   *
   * @param begun when its lease began, by the monotonic clock
   */
  async post(
    message: ClaimedMessage,
    shipment: Shipment | undefined,
    begun: number,
  ): Promise<AttemptEnd> {
    const parcel = await this.pack(message, shipment).catch((error: unknown) => {
      this.logger.error(`What message ${message.id} is sent with could not be read`, error);
    });
    if (!parcel) return this.end(message, UNREADABLE, retryDelay(message.attempt));
    const { instance, credentials, request } = parcel;
    const outcome = isLeaseSafe(begun, performance.now(), this.marginMs)
      ? await this.gateway.send(credentials, request)
      : HELD_TOO_LONG;
    if (outcome.httpStatus === TOO_MANY_REQUESTS) this.inFlight.refused(credentials.accountSid);
    else if (outcome.httpStatus !== undefined) this.inFlight.passed(credentials.accountSid);
    const retryMs = this.retryIn(outcome, message.attempt, instance, credentials);
    return this.end(message, outcome, retryMs);
  }

  private async pack(message: ClaimedMessage, shipment?: Shipment): Promise<Parcel> {
    const { id: messageId, instanceId, requestId, attempt, to } = message;
    const instance = await this.instances.find(instanceId);
    if (!shipment || !instance) throw new Error('Its notification or its instance is gone.');
    const statusCallback = this.callbackUrls.statusCallback({ instanceId, messageId, attempt });
    return {
      instance,
      credentials: this.notifications.credentialsFor(requestId, shipment) ?? instance.credentials,
      request: messageRequest(shipment.parameters, to, statusCallback),
    };
  }

  private end(
    { attempt, fence }: ClaimedMessage,
    outcome: Outcome,
    retryMs: number | null,
  ): AttemptEnd {
    return evidenceOf(outcome, retryMs, { at: this.clock.now(), attempt, fence });
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

  /** Takes back a start that was not confirmed, if it came about all the same. */
  async withdraw({ id, attempt, fence }: ClaimedMessage): Promise<void> {
    const at = this.clock.now();
    await this.settle(id, { ...UNCONFIRMED, at, attempt, fence, retryAt: at });
  }

  /** Stops offering outcomes to a database that does not take them: the process is about to end. */
  dismiss(): void {
    this.isDismissed = true;
  }

  /** Stores how an attempt ended. That is known only here: it is offered to the database until it takes it. */
  async settle(id: string, evidence: AttemptEnd): Promise<void> {
    let wait = STORE_RETRY_MS;
    let offered = evidence;
    do {
      try {
        const { isSidTaken } = await this.ledger.record(id, offered, SETTLE_PATIENCE_MS);
        if (isSidTaken) this.logger.error(`Twilio gave message ${id} the SID of another message`);
        return;
      } catch (error) {
        this.logger.error(`The outcome of message ${id} could not be stored yet`, error);
        if (error instanceof DatabaseError && error.isRefusal) offered = acceptable(offered);
        await new Promise((resolve) => setTimeout(resolve, wait));
        wait = Math.min(wait * 2, LONGEST_STORE_RETRY_MS);
      }
    } while (!this.isDismissed);
  }
}

/** What the database takes in place of evidence that it has refused, and would refuse again. */
function acceptable(evidence: AttemptEnd): AttemptEnd {
  const { kind, at, fence, attempt } = evidence;
  return kind === 'accepted'
    ? { ...evidence, providerStatus: 'accepted', detail: undefined }
    : { kind: 'ambiguous', at, fence, attempt };
}

/** Whether a POST that begins now ends before the lease does. Times are of the monotonic clock. */
export const isLeaseSafe = (begun: number, now: number, marginMs: number): boolean =>
  now - begun <= marginMs;

function evidenceOf(
  outcome: Outcome,
  retryMs: number | null,
  attempt: { at: number; attempt: number; fence: number },
): AttemptEnd {
  const at = retryMs === null ? null : attempt.at + retryMs;
  if (outcome.kind === 'ambiguous') return { ...outcome, ...attempt, resendAt: at ?? undefined };
  if (outcome.kind === 'notSent') return { ...outcome, ...attempt, retryAt: at };
  return { ...outcome, ...attempt };
}
