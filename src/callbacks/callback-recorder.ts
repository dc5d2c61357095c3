import { ForbiddenException, Injectable, ServiceUnavailableException } from '@nestjs/common';
import { DatabaseClock } from '../database/database-clock.js';
import { Database } from '../database/database.js';
import { MessageLedger } from '../delivery/ledger.js';
import { MESSAGE_TABLE } from '../delivery/message.entity.js';
import { NotificationStore } from '../delivery/notification-store.js';
import { CallbackUrls, type CallbackPath } from '../providers/callback-urls.js';
import { ProviderInstances } from '../providers/provider-instances.service.js';
import { verifyForm, type FormParameters } from '../twilio/signature.js';
import { readStatusCallback, reportOf, type StatusCallback } from './status-callback.js';

/** A callback as it came in. */
export interface SignedForm {
  readonly signature: string;
  readonly parameters: FormParameters;
}

/** An account, and the auth tokens that may have signed for it. */
interface Signatory {
  readonly accountSid: string;
  readonly authTokens: readonly string[];
}

/** Somewhere to look for whoever may have signed. */
type Signer = () => Promise<Signatory | undefined>;

/** Anybody may call the URL of an instance: in vain, it costs no more than one look at the database in this time. */
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
      this.sender(messageId),
      // Another node may have stored a new token a moment ago. Only our own URLs get this far.
      this.instance(instanceId, 0),
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
      const signatory = await stored(signer);
      if (!signatory || !verifyForm(signatory.authTokens, signature, url, parameters)) continue;
      const callback = readStatusCallback(parameters);
      if (callback && callback.accountSid !== signatory.accountSid) {
        throw forgery('names another account');
      }
      return callback;
    }
    throw forgery('is not signed with the auth token of its account');
  }

  private instance(id: string, maxAgeMs?: number): Signer {
    return async () => {
      const { configuration } = (await this.instances.find(id, maxAgeMs)) ?? {};
      if (!configuration) return undefined;
      const { TWILIO_AUTH_TOKEN: primary, TWILIO_SECONDARY_AUTH_TOKEN: secondary } = configuration;
      return {
        accountSid: configuration.TWILIO_ACCOUNT_SID,
        authTokens: secondary === undefined ? [primary] : [primary, secondary],
      };
    };
  }

  private sender(messageId: string): Signer {
    return async () => {
      const credentials = await this.notifications.credentialsOf(messageId);
      return (
        credentials && { accountSid: credentials.accountSid, authTokens: [credentials.authToken] }
      );
    };
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
