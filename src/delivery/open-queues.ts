import { Injectable } from '@nestjs/common';
import { ProviderInstances } from '../providers/provider-instances.service.js';
import { secretOf } from '../twilio/twilio.gateway.js';
import { CredentialsBreaker } from './breaker.js';
import type { Discard } from './evidence.js';
import { InFlight } from './in-flight.js';
import { MessageLedger, type Queue } from './ledger.js';
import { INSTANCE_DELETED } from './refusals.js';
import { NOBODY, senderOf } from './sender-key.js';

/** A queue that has messages due, and who sends them. */
export interface OpenQueue extends Queue {
  readonly accountSid: string;
  readonly perSecond: number;
  /** Why none of its messages is sent any more. */
  readonly refusal?: Discard;
}

/** Queues that one claim takes from at most; the others have their turn in the next one. */
const MAX_QUEUES = 32;

/** Finds the queues that messages may be claimed from. */
@Injectable()
export class OpenQueues {
  /** Until when looking at a sender or account is in vain, by the monotonic clock. */
  private readonly restUntil = new Map<string, number>();

  constructor(
    private readonly ledger: MessageLedger,
    private readonly instances: ProviderInstances,
    private readonly breaker: CredentialsBreaker,
    private readonly inFlight: InFlight,
  ) {}

  /**
   * Queues with messages due, whose senders may send; of many, some at random.
   *
   * @param at milliseconds since 1970
   * @returns also how long the others rest, in milliseconds
   */
  async look(at: number): Promise<{ queues: readonly OpenQueue[]; restMs: number }> {
    const queues = await this.ledger.queues('queued');
    const rests = queues.map(({ dueAt }) => dueAt - at).filter((ms) => ms > 0);
    const open: OpenQueue[] = [];
    for (const queue of queues) {
      if (queue.dueAt > at) continue;
      const opened = await this.open(queue);
      if (!opened) continue;
      const restMs = this.restOf(opened);
      if (restMs > 0) rests.push(restMs);
      else if (this.inFlight.room(opened.accountSid, opened.sender) > 0) open.push(opened);
    }
    const chosen = chooseAtRandom(open, MAX_QUEUES);
    if (open.length > chosen.length) rests.push(0);
    return { queues: chosen, restMs: Math.min(...rests) };
  }

  /** Leaves a sender or an account alone for so many milliseconds. */
  rest(senderOrAccount: string, ms: number): void {
    this.restUntil.set(senderOrAccount, performance.now() + ms);
  }

  /** Who sends the messages of the queue; undefined while they are to stay queued. */
  private async open(queue: Queue): Promise<OpenQueue | undefined> {
    if (queue.sender === NOBODY) return { ...queue, accountSid: '', perSecond: Infinity };
    const { instanceId, accountSid } = senderOf(queue.sender);
    // Another node may have made it a moment ago.
    const instance =
      (await this.instances.find(instanceId)) ?? (await this.instances.find(instanceId, 0));
    // Messages of an instance that is gone are given up one by one: there is nothing to pace.
    if (!instance || instance.row.deletedAt !== null) {
      return { ...queue, accountSid: '', perSecond: Infinity, refusal: INSTANCE_DELETED };
    }
    const { row, credentials } = instance;
    const areOwn = accountSid === undefined || accountSid === credentials.accountSid;
    const isHeldBack = areOwn && this.breaker.holdsBack(row.id, secretOf(credentials));
    if (!row.enabled || isHeldBack) return undefined;
    return {
      ...queue,
      accountSid: accountSid ?? credentials.accountSid,
      perSecond: this.instances.messagesPerSecond(row),
    };
  }

  private restOf({ sender, accountSid }: OpenQueue): number {
    const until = [sender, accountSid].map((key) => this.restUntil.get(key) ?? 0);
    const restMs = Math.ceil(Math.max(...until) - performance.now());
    if (restMs <= 0) [sender, accountSid].forEach((key) => this.restUntil.delete(key));
    return restMs;
  }
}

function chooseAtRandom<T>(items: readonly T[], count: number): T[] {
  const rest = [...items];
  return Array.from({ length: Math.min(count, rest.length) }, () => {
    const [chosen] = rest.splice(Math.floor(Math.random() * rest.length), 1);
    return chosen;
  });
}
