import { ForbiddenException, Injectable, ServiceUnavailableException } from '@nestjs/common';
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

/** Checks that a callback is Twilio's and records what it says. Resolves after the commit. */
@Injectable()
export class CallbackRecorder {
  constructor(
    private readonly callbackUrls: CallbackUrls,
    private readonly instances: ProviderInstances,
    private readonly notifications: NotificationStore,
    private readonly database: Database,
    private readonly ledger: MessageLedger,
  ) {}

  /**
   * The callback of one attempt: its URL tells the message, even before we have heard of its SID.
   *
   * @throws ForbiddenException when we did not make the URL, or Twilio did not sign the request
   */
  async ofAttempt(path: CallbackPath, mac: string, form: SignedForm): Promise<void> {
    if (!this.callbackUrls.isOurs(path, mac)) throw forgery('is not one of ours');
    const url = this.callbackUrls.ofAttempt(path);
    const signer =
      (await this.signedByInstance(path.instanceId, url, form)) ??
      (await this.signedByRequest(path.messageId, url, form));
    if (!signer) throw forgery('is not signed with the auth token of its account');
    const callback = readStatusCallback(form.parameters);
    if (!callback) return;
    if (callback.accountSid !== signer.accountSid) throw forgery('names another account');
    await this.record(path.messageId, callback, path.attempt);
  }

  /**
   * A callback on the URL of an instance, as pasted into Twilio: its SID tells the message.
   *
   * @throws ForbiddenException when there is no such instance, or Twilio did not sign the request
   */
  async ofInstance(instanceId: string, form: SignedForm): Promise<void> {
    const url = this.callbackUrls.ofInstance(instanceId);
    const signer = await this.signedByInstance(instanceId, url, form);
    if (!signer) throw forgery('is not signed with the auth token of its account');
    const callback = readStatusCallback(form.parameters);
    if (!callback) return;
    if (callback.accountSid !== signer.accountSid) throw forgery('names another account');
    const [message] = await stored(() =>
      this.database.query<{ id: string }>(
        `SELECT id FROM ${MESSAGE_TABLE} WHERE sid = ? AND instance_id = ?`,
        callback.sid,
        instanceId,
      ),
    );
    if (message) await this.record(message.id, callback);
  }

  /** A message that is gone, or never was, is none of the sender's business: that is no error. */
  private async record(
    messageId: string,
    callback: StatusCallback,
    attempt?: number,
  ): Promise<void> {
    await stored(() =>
      this.ledger.record(messageId, { ...reportOf(callback, attempt), at: Date.now() }),
    );
  }

  private async signedByInstance(
    instanceId: string,
    url: string,
    { signature, parameters }: SignedForm,
  ): Promise<TwilioCredentials | undefined> {
    const instance = await stored(() => this.instances.find(instanceId));
    if (!instance) return undefined;
    const { credentials } = instance;
    return verifyForm([credentials.authToken], signature, url, parameters)
      ? credentials
      : undefined;
  }

  /** Whoever brought credentials along with the request is who Twilio signs for. */
  private async signedByRequest(
    messageId: string,
    url: string,
    { signature, parameters }: SignedForm,
  ): Promise<TwilioCredentials | undefined> {
    const credentials = await stored(() => this.notifications.credentialsOf(messageId));
    if (!credentials) return undefined;
    return verifyForm([credentials.authToken], signature, url, parameters)
      ? credentials
      : undefined;
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
