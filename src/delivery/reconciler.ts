import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { DatabaseError } from '../database/database-error.js';
import { DatabaseClock } from '../database/database-clock.js';
import { Database } from '../database/database.js';
import { ProviderInstances } from '../providers/provider-instances.service.js';
import { BackgroundLoop } from '../lifecycle/background-loop.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { DeliveryOptions, TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { eventTypeOf } from '../twilio/statuses.js';
import {
  TwilioGateway,
  type ListedMessage,
  type TwilioCredentials,
} from '../twilio/twilio.gateway.js';
import { ATTEMPT_TABLE } from './attempt.entity.js';
import type { Report } from './evidence.js';
import { failureOf } from './failure.js';
import { MessageLedger, type CheckedMessage } from './ledger.js';
import { matches, reachesBackTo } from './list-match.js';
import { MESSAGE_TABLE } from './message.entity.js';
import { NotificationStore } from './notification-store.js';

const BATCH = 20;
/** Twilio counts requests that are in vain: its list is asked no more often, for each account. */
const LIST_PAUSE_MS = 1000;
const MAX_ACCOUNTS = 10_000;

/**
 * Asks Twilio what became of messages of which nothing is heard: those whose answer was lost, in the account's list;
 * those whose callbacks may have been lost, by their SID. What it finds is evidence like any other.
 */
@Injectable()
export class Reconciler
  implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown
{
  private readonly logger = new Logger(Reconciler.name);
  private readonly options: DeliveryOptions;
  private readonly loop = new BackgroundLoop((error) =>
    this.logger.error('The database could not be asked for messages to look at', error),
  );
  /** When each account's turn comes again, by the monotonic clock. */
  private readonly nextList = new Map<string, number>();

  constructor(
    @InjectWhatsappOptions() { delivery }: TwilioWhatsappOptions,
    private readonly ledger: MessageLedger,
    private readonly notifications: NotificationStore,
    private readonly instances: ProviderInstances,
    private readonly database: Database,
    private readonly clock: DatabaseClock,
    private readonly gateway: TwilioGateway,
  ) {
    this.options = delivery;
  }

  onApplicationBootstrap(): void {
    for (const status of ['unknown', 'sent'] as const) {
      this.loop.start(() => this.look(status), this.options.pollIntervalMs);
    }
  }

  onModuleDestroy(): void {
    this.loop.stop();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.loop.ended(this.options.drainTimeoutMs);
  }

  private async look(status: 'unknown' | 'sent'): Promise<void> {
    const messages = await this.ledger.takeChecks(status, BATCH);
    await Promise.all(messages.map((message) => this.lookAt(message)));
  }

  /** One that cannot be looked at must not keep the others back: its turn comes again. */
  private async lookAt(message: CheckedMessage): Promise<void> {
    try {
      await this.check(message);
    } catch (error) {
      this.logger.error(`Message ${message.id} could not be looked at`, error);
    }
  }

  private async check(message: CheckedMessage): Promise<void> {
    const shipment = await this.notifications.get(message.requestId);
    const instance = await this.instances.find(message.instanceId);
    if (!shipment || !instance) return;
    const credentials =
      this.notifications.credentialsFor(message.requestId, shipment) ?? instance.credentials;
    const { Body: body, ContentSid: template } = shipment.parameters;
    const found = message.sid
      ? await this.gateway.fetch(credentials, message.sid)
      : await this.search(
          message,
          credentials,
          !template && typeof body === 'string' ? body : undefined,
        );
    if (!found) return;
    try {
      await this.ledger.record(message.id, {
        ...reportOf(found, message.sid ? undefined : message.attempts),
        at: this.clock.now(),
      });
    } catch (error) {
      // Another message was faster to claim the SID; the next look finds what is left.
      if (!(error instanceof DatabaseError) || !error.isDuplicate) throw error;
    }
  }

  /** Looks for the message in the account's list. Where more fit than can be ours, none is taken. */
  private async search(
    message: CheckedMessage,
    credentials: TwilioCredentials,
    body?: string,
  ): Promise<ListedMessage | undefined> {
    const { id, to, from, attempts } = message;
    const [attempt] = await this.database.query<{ started_at: string | number }>(
      `SELECT started_at FROM ${ATTEMPT_TABLE} WHERE message_id = ? AND no = ?`,
      id,
      attempts,
    );
    if (!attempt || !to) return undefined;
    await this.awaitTurn(credentials.accountSid);
    if (this.loop.isStopping) return undefined;
    const listed = await this.gateway.list(credentials, to, from);
    if (!listed) return undefined;
    const lost = {
      startedAt: Number(attempt.started_at),
      requestTimeoutMs: this.options.requestTimeoutMs,
      body,
    };
    const candidates = matches(listed, lost, await this.ownedOf(listed));
    if (candidates.length === 0) {
      if (reachesBackTo(listed, lost)) await this.miss(message);
      return undefined;
    }
    // As many as may be ours, each with the same text: which is whose makes no difference.
    const rivals = await this.countUnsettled(message);
    const isInterchangeable = body !== undefined || rivals === 1;
    return isInterchangeable && candidates.length <= rivals ? candidates[0] : undefined;
  }

  /** Twilio's list does not have the message: some want it sent again then. */
  private async miss({ id, attempts: attempt }: CheckedMessage): Promise<void> {
    if (this.options.ambiguousPolicy === 'hold') return;
    const at = this.clock.now();
    await this.ledger.record(id, { kind: 'missing', at, attempt, resendAt: at });
  }

  /** The SIDs among those listed that are known to belong to an attempt. */
  private async ownedOf(listed: readonly ListedMessage[]): Promise<Set<string>> {
    const rows = await this.database.query<{ sid: string }>(
      `SELECT sid FROM ${ATTEMPT_TABLE} WHERE sid IN (${this.database.dialect.rows({ sid: 'text' })})`,
      JSON.stringify(listed.map(({ sid }) => ({ sid }))),
    );
    return new Set(rows.map(({ sid }) => sid));
  }

  /** How many messages between the two, this one among them, may be waiting for the same proof. */
  private async countUnsettled({ to, from }: CheckedMessage): Promise<number> {
    const sender = from === null ? 'from_address IS NULL' : 'from_address = ?';
    const [{ count }] = await this.database.query<{ count: string | number }>(
      `SELECT COUNT(*) AS count FROM ${MESSAGE_TABLE} WHERE status IN ('unknown', 'sending') AND to_address = ? AND ${sender}`,
      to,
      ...(from === null ? [] : [from]),
    );
    return Number(count);
  }

  private async awaitTurn(accountSid: string): Promise<void> {
    const now = performance.now();
    const turn = Math.max(now, this.nextList.get(accountSid) ?? 0);
    if (this.nextList.size > MAX_ACCOUNTS) this.nextList.clear();
    this.nextList.set(accountSid, turn + LIST_PAUSE_MS);
    if (turn > now) await this.loop.rest(turn - now);
  }
}

function reportOf(found: ListedMessage, attempt?: number): Report {
  const { sid, status: providerStatus, errorCode, errorMessage } = found;
  const type = eventTypeOf(providerStatus);
  const report = { kind: 'reported', source: 'poll', sid, providerStatus, type, attempt } as const;
  if (type !== 'discarded') return report;
  return { ...report, ...failureOf(errorCode, errorMessage) };
}
