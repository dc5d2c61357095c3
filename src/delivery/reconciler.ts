import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { DatabaseClock } from '../database/database-clock.js';
import { ProviderInstances } from '../providers/provider-instances.service.js';
import { BackgroundLoop } from '../lifecycle/background-loop.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { DeliveryOptions, TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import type { ListedMessage } from '../twilio/listed-message.js';
import {
  TwilioGateway,
  type TwilioCredentials,
  type TwilioParameters,
} from '../twilio/twilio.gateway.js';
import type { Evidence, Report } from './evidence.js';
import { MessageLedger, type CheckedMessage } from './ledger.js';
import { ListLookup } from './list-lookup.js';
import { NotificationStore } from './notification-store.js';
import { reportOf } from './report.js';

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
  private hasAnswered = true;

  constructor(
    @InjectWhatsappOptions() { delivery }: TwilioWhatsappOptions,
    private readonly ledger: MessageLedger,
    private readonly notifications: NotificationStore,
    private readonly instances: ProviderInstances,
    private readonly clock: DatabaseClock,
    private readonly gateway: TwilioGateway,
    private readonly listLookup: ListLookup,
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
    const evidence = message.sid
      ? await this.poll(message.sid, credentials)
      : await this.lookup(message, credentials, shipment.parameters);
    if (evidence) await this.ledger.record(message.id, evidence);
  }

  /** Asks for a message by the SID that is stored with it. */
  private async poll(sid: string, credentials: TwilioCredentials): Promise<Evidence | undefined> {
    const found = await this.gateway.fetch(credentials, sid);
    this.noteAnswer(found, sid);
    return found && this.reported(found, { matchedBy: 'sid' });
  }

  /** Looks for a message whose answer was lost in the account's list. */
  private async lookup(
    message: CheckedMessage,
    credentials: TwilioCredentials,
    parameters: TwilioParameters,
  ): Promise<Evidence | undefined> {
    await this.awaitTurn(credentials.accountSid);
    if (this.loop.isStopping) return undefined;
    const result = await this.listLookup.find(message, credentials, parameters);
    this.noteAnswer(result, message.id);
    const { attempts: attempt } = message;
    const at = this.clock.now();
    switch (result?.kind) {
      case 'found':
        return this.reported(result.message, { matchedBy: 'list', attempt });
      case 'undecided':
        return { kind: 'undecided', at, attempt, sids: result.sids };
      case 'missing':
        return this.options.ambiguousPolicy === 'hold'
          ? undefined
          : { kind: 'missing', at, attempt, resendAt: at };
      default:
        return undefined;
    }
  }

  /** Twilio that does not answer is logged once, not at every question. */
  private noteAnswer(answer: object | undefined, about: string): void {
    if (!answer && this.hasAnswered) {
      this.logger.warn(`Twilio gives no usable answer about ${about}. It is asked again later.`);
    }
    this.hasAnswered = answer !== undefined;
  }

  private reported(
    { status: providerStatus, ...found }: ListedMessage,
    match: Pick<Report, 'matchedBy' | 'attempt'>,
  ): Evidence {
    return {
      ...reportOf({ ...found, providerStatus, source: 'poll' }, match),
      at: this.clock.now(),
    };
  }

  private async awaitTurn(accountSid: string): Promise<void> {
    const now = performance.now();
    const turn = Math.max(now, this.nextList.get(accountSid) ?? 0);
    if (this.nextList.size > MAX_ACCOUNTS) this.nextList.clear();
    this.nextList.set(accountSid, turn + LIST_PAUSE_MS);
    if (turn > now) await this.loop.rest(turn - now);
  }
}
