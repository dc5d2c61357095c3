import { Injectable } from '@nestjs/common';
import { randomInt } from 'node:crypto';
import { DatabaseClock } from '../database/database-clock.js';
import { Database } from '../database/database.js';
import { writeAll, type Transaction } from '../database/transaction.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { DeliveryOptions, TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { TwilioGateway } from '../twilio/twilio.gateway.js';
import type { Evidence } from './evidence.js';
import { rateOf, type Rate } from './gcra.js';
import { InFlight } from './in-flight.js';
import { MessageLedger } from './ledger.js';
import type { AddressedRow } from './ledger.rows.js';
import { stepOf, writesOf, type MessageStep } from './ledger.writes.js';
import { Pacer, type Allowance } from './pacer.js';
import { OpenQueues, type OpenQueue } from './open-queues.js';
import { refusalOf } from './refusals.js';
import { Shares } from './shares.js';

/** A message with a started attempt, which this process alone may now POST. */
export interface ClaimedMessage {
  readonly id: string;
  readonly requestId: string;
  readonly instanceId: string;
  readonly sender: string;
  readonly accountSid: string;
  readonly to: string;
  readonly fence: number;
  readonly attempt: number;
}

/** A claim whose commit was not confirmed: its messages may be started, and certainly were not sent. */
export class UnconfirmedClaim extends Error {
  override readonly name = 'UnconfirmedClaim';

  constructor(
    readonly messages: readonly ClaimedMessage[],
    cause: unknown,
  ) {
    super(`The start of ${messages.length} messages was not confirmed by the database.`, { cause });
  }
}

/** What came of a look at the queues. */
export interface Claimed {
  readonly messages: readonly ClaimedMessage[];
  /** How long until another look is worth while, if nothing happens before, in milliseconds. */
  readonly restMs: number;
}

/** What all messages of a claim are started with. */
type Start = Extract<Evidence, { kind: 'started' }>;

const MAX_FENCE = 2 ** 30;
/** How soon to look again at what another node holds, or what is left over. */
const SHORT_REST_MS = 20;

/**
 * Claims due messages: as many as the pace of their senders and accounts allows, and as requests may be under way.
 * What there is to give is shared out among the senders, whatever the length of their queues. The attempts are
 * started in the same transaction.
 */
@Injectable()
export class Claims {
  private readonly options: DeliveryOptions;

  constructor(
    @InjectWhatsappOptions() { delivery }: TwilioWhatsappOptions,
    private readonly database: Database,
    private readonly clock: DatabaseClock,
    private readonly ledger: MessageLedger,
    private readonly gateway: TwilioGateway,
    private readonly queues: OpenQueues,
    private readonly pacer: Pacer,
    private readonly inFlight: InFlight,
  ) {
    this.options = delivery;
  }

  /**
   * Starts what is due, for `leaseMs`. Messages that nobody can send are given up on the way.
   *
   * @throws UnconfirmedClaim, whose messages are to be withdrawn
   */
  async take(leaseMs: number): Promise<Claimed> {
    const { queues, restMs: quietMs } = await this.queues.look(this.clock.now());
    const longestMs = Math.min(this.options.pollIntervalMs, quietMs);
    if (queues.length === 0) return { messages: [], restMs: longestMs };
    // What is claimed is sent at once: to load it then would bunch what is paced.
    await this.gateway.load();
    const { messages, restMs } = await this.commit(queues, this.clock.now(), leaseMs);
    return { messages, restMs: Math.min(longestMs, restMs) };
  }

  private async commit(
    queues: readonly OpenQueue[],
    at: number,
    leaseMs: number,
  ): Promise<Claimed> {
    // Drawn, not counted: a claim that was rolled back must not go by the number of the next one.
    const start = {
      kind: 'started',
      at,
      leaseUntil: at + leaseMs,
      fence: randomInt(MAX_FENCE),
    } as const;
    let messages: ClaimedMessage[] = [];
    try {
      const { steps, restMs } = await this.database.transaction(() => {
        messages = [];
        return this.claim(queues, start, messages);
      });
      this.ledger.announce(steps);
      return { messages, restMs };
    } catch (error) {
      throw messages.length > 0 ? new UnconfirmedClaim(messages, error) : error;
    }
  }

  private *claim(
    queues: readonly OpenQueue[],
    start: Start,
    messages: ClaimedMessage[],
  ): Transaction<{ steps: MessageStep[]; restMs: number }> {
    const allowances = yield* this.pacer.open(this.ratesOf(queues), start.at);
    const shares = new Shares(queues, this.inFlight);
    const steps: MessageStep[] = [];
    let restMs = Infinity;
    for (const queue of queues) {
      const paced = this.allowancesOf(queue, allowances);
      const share = shares.of(queue);
      const limit = Math.min(share, ...paced.map((allowance) => allowance?.left ?? 0));
      const rows =
        limit > 0
          ? yield* this.ledger.lockDue({
              status: 'queued',
              sender: queue.sender,
              at: start.at,
              limit,
            })
          : [];
      const stepped = rows.map((row) => stepOf(row, startOf(row, queue, start)));
      const claimed = rows.flatMap((row, index) => claimedMessage(row, stepped[index], queue));
      paced.forEach((allowance) => allowance?.spend(claimed.length));
      shares.take(queue, claimed.length);
      steps.push(...stepped);
      messages.push(...claimed);
      if (rows.length === limit) restMs = Math.min(restMs, this.restAfter(queue, paced));
    }
    const { dialect } = this.database;
    yield* writeAll([this.pacer.spent(allowances), ...writesOf(steps, dialect)], dialect.combined);
    return { steps, restMs };
  }

  /** How long a queue rests that has more to send than it could now. */
  private restAfter(
    { sender, accountSid }: OpenQueue,
    paced: readonly (Allowance | undefined)[],
  ): number {
    let longest = 0;
    for (const [index, allowance] of paced.entries()) {
      // Another node holds it at this moment.
      if (!allowance) return SHORT_REST_MS;
      if (allowance.left > 0) continue;
      this.queues.rest(index === 0 ? sender : accountSid, allowance.restMs);
      longest = Math.max(longest, allowance.restMs);
    }
    return longest;
  }

  /** The sender's allowance, then the account's, where there are bounds. */
  private allowancesOf(
    { sender, accountSid, perSecond }: OpenQueue,
    allowances: ReadonlyMap<string, Allowance>,
  ): (Allowance | undefined)[] {
    if (perSecond === Infinity) return [];
    const own = allowances.get(sender);
    return this.options.accountMessagesPerSecond > 0 ? [own, allowances.get(accountSid)] : [own];
  }

  private ratesOf(queues: readonly OpenQueue[]): Map<string, Rate> {
    const perAccount = this.options.accountMessagesPerSecond;
    const rates = new Map<string, Rate>();
    for (const { sender, accountSid, perSecond } of queues) {
      if (perSecond === Infinity) continue;
      rates.set(sender, rateOf(perSecond));
      if (perAccount > 0) rates.set(accountSid, rateOf(perAccount));
    }
    return rates;
  }
}

const startOf = (row: AddressedRow, { refusal }: OpenQueue, start: Start): Evidence => ({
  ...start,
  refusal: row.to_address === null ? refusalOf(row.reason) : refusal,
});

/** None when the claim gave the message up. */
function claimedMessage(
  row: AddressedRow,
  { step: { state } }: MessageStep,
  { sender, accountSid }: OpenQueue,
): ClaimedMessage[] {
  if (state.status !== 'sending' || row.to_address === null) return [];
  const { id, request_id: requestId, instance_id: instanceId, to_address: to } = row;
  const { fence, attempts: attempt } = state;
  return [{ id, requestId, instanceId, sender, accountSid, to, fence, attempt }];
}
