import { ForbiddenException, Injectable, ServiceUnavailableException } from '@nestjs/common';
import { DatabaseClock } from '../database/database-clock.js';
import { Database } from '../database/database.js';
import { MessageLedger } from '../delivery/ledger.js';
import { MESSAGE_TABLE } from '../delivery/message.entity.js';
import { NotificationStore } from '../delivery/notification-store.js';
import { CallbackUrls, type CallbackPath } from '../providers/callback-urls.js';
import { ProviderInstances } from '../providers/provider-instances.service.js';
import { verifyForm, type FormParameters } from '../twilio/signature.js';
import type { TwilioCredentials } from '../twilio/twilio.gateway.js';
import { readStatusCallback, reportOf, type StatusCallback } from './status-callback.js';

/** A callback as it came in. */
export interface SignedForm {
  readonly signature: string;
  readonly parameters: FormParameters;
}

/** Somewhere to look for the credentials that may have signed. */
type Signer = () => Promise<TwilioCredentials | undefined>;

/** How old what is known of an instance may be when its signature does not fit: its token may have been rotated. */
const FRESH_MS = 1000;

/** Checks that a callback is Twilio's and records what it says. Resolves after the commit. */
@Injectable()
export class CallbackRecorder {
  constructor(
    private readonly callbackUrls: CallbackUrls,
    private readonly instances: ProviderInstances,
    private readonly notifications: NotificationStore,
    private readonly database: Database,
    private readonly clock: DatabaseClock,
    private readonly ledger: MessageLedger,
  ) {}

  /**
   * The callback of one attempt: its URL tells the message, even before we have heard of its SID.
   *
   * @throws ForbiddenException when we did not make the URL, or Twilio did not sign the request
   */
  async ofAttempt(path: CallbackPath, mac: string, form: SignedForm): Promise<void> {
    if (!this.callbackUrls.isOurs(path, mac)) throw forgery('is not one of ours');
    const { instanceId, messageId, attempt } = path;
    const callback = await this.verified(form, this.callbackUrls.ofAttempt(path), [
      this.instance(instanceId),
      // Whoever brought credentials along with the request is who Twilio signs for.
      () => this.notifications.credentialsOf(messageId),
      this.instance(instanceId, FRESH_MS),
    ]);
    if (callback) await this.record(messageId, callback, attempt);
  }

  /**
   * A callback on the URL of an instance, as pasted into Twilio: its SID tells the message.
   *
   * @throws ForbiddenException when there is no such instance, or Twilio did not sign the request
   */
  async ofInstance(instanceId: string, form: SignedForm): Promise<void> {
    const callback = await this.verified(form, this.callbackUrls.ofInstance(instanceId), [
      this.instance(instanceId),
      this.instance(instanceId, FRESH_MS),
    ]);
    if (!callback) return;
    const [message] = await stored(() =>
      this.database.query<{ id: string }>(
        `SELECT id FROM ${MESSAGE_TABLE} WHERE sid = ? AND instance_id = ?`,
        callback.sid,
        instanceId,
      ),
    );
    if (message) await this.record(message.id, callback);
  }

  /** What a form says that one of the signers signed; undefined when that is no status of a message. */
  private async verified(
    { signature, parameters }: SignedForm,
    url: string,
    signers: readonly Signer[],
  ): Promise<StatusCallback | undefined> {
    for (const signer of signers) {
      const credentials = await stored(signer);
      if (!credentials || !verifyForm([credentials.authToken], signature, url, parameters))
        continue;
      const callback = readStatusCallback(parameters);
      if (callback && callback.accountSid !== credentials.accountSid) {
        throw forgery('names another account');
      }
      return callback;
    }
    throw forgery('is not signed with the auth token of its account');
  }

  private instance(id: string, maxAgeMs?: number): Signer {
    return async () => (await this.instances.find(id, maxAgeMs))?.credentials;
  }

  /** A message that is gone, or never was, is none of the sender's business: that is no error. */
  private async record(
    messageId: string,
    callback: StatusCallback,
    attempt?: number,
  ): Promise<void> {
    const report = { ...reportOf(callback, attempt), at: this.clock.now() };
    await stored(() => this.ledger.record(messageId, report));
  }
}

const forgery = (cause: string): ForbiddenException =>
  new ForbiddenException(`The callback ${cause}.`);

/** A database that fails must look like a reason to call again. */
async function stored<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new ServiceUnavailableException('The callback could not be stored. Try again.', {
      cause: error,
    });
  }
}
