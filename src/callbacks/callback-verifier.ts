import { ForbiddenException, Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { NotificationStore } from '../delivery/notification-store.js';
import { signingKeysOf } from '../providers/configuration.js';
import { CallbackUrls } from '../providers/callback-urls.js';
import { MissingKeyError } from '../providers/credentials-cipher.js';
import { ProviderInstances } from '../providers/provider-instances.service.js';
import {
  isSignature,
  parseForm,
  signedText,
  tokenKey,
  verifyText,
  type FormParameters,
  type SigningKey,
} from '../twilio/signature.js';
import type { TwilioCredentials } from '../twilio/twilio.gateway.js';
import type { Callback, CallbackTarget, SignedRequest } from './callback-request.js';
import { readEvents } from './event-stream.js';
import type { ReportedStatus } from './reported-status.js';
import { isDisguised, readStatusCallback } from './status-callback.js';

/** An account, and what may have signed for it. */
interface Signatory {
  readonly accountSid: string;
  readonly keys: readonly SigningKey[];
}

/** What a request says, and what its signature is about. */
interface SignedContent {
  /** Of JSON the hash, which stands in the query and which the body has to match. */
  readonly query: string;
  readonly parameters: FormParameters;
  /** What is signed behind the URL. */
  readonly text: string;
}

/** Somewhere to look for whoever may have signed. */
type Signer = () => Promise<Signatory | undefined>;

/** Anybody may call the URL of an instance: in vain, it costs no more than one look at the database in this time. */
const FRESH_MS = 1000;
const BODY_HASH = /^bodySHA256=([0-9a-f]{64})$/;

/** Finds out whether a callback is Twilio's, and what it says. */
@Injectable()
export class CallbackVerifier {
  constructor(
    private readonly callbackUrls: CallbackUrls,
    private readonly instances: ProviderInstances,
    private readonly notifications: NotificationStore,
  ) {}

  /**
   * Refuses what cannot be Twilio's, whichever token it signs with. Costs neither a hash nor the database.
   *
   * @throws ForbiddenException when the signature is not one, or events come to the URL of an attempt
   */
  assertPlausible({ target, request }: Callback): void {
    if (!isSignature(request.signature)) throw unsigned();
    // Events go to the URL of the instance.
    if (request.isJson && 'messageId' in target) throw forgery('is not a form');
  }

  /**
   * What a callback says that Twilio has signed.
   *
   * @throws ForbiddenException when Twilio did not sign it, or it says nothing that Twilio would
   */
  async statusesOf(callback: Callback): Promise<ReportedStatus[]> {
    const { target } = callback;
    this.assertPlausible(callback);
    const statuses = await this.statusesBy(
      callback,
      contentOf(callback.request),
      'messageId' in target
        ? [
            this.instance(target.instanceId),
            // Whoever brought credentials along with the request is who Twilio signs for.
            this.sender(target.messageId),
            // Another node may have stored a new token a moment ago. Only our own URLs get this far.
            this.instance(target.instanceId, 0),
          ]
        : [this.instance(target.instanceId), this.instance(target.instanceId, FRESH_MS)],
    );
    if (!statuses) throw unsigned();
    return statuses;
  }

  /**
   * The same, by the tokens that are in memory, however old those are. Costs no database work.
   *
   * @returns undefined when none of them signed it, which another token may have done all the same
   * @throws ForbiddenException for what would be refused whichever token signed it
   */
  async statusesFromMemory(callback: Callback): Promise<ReportedStatus[] | undefined> {
    const { target } = callback;
    this.assertPlausible(callback);
    const content = contentOf(callback.request);
    const signers = [this.instance(target.instanceId, Infinity)];
    if ('messageId' in target) signers.push(this.knownSender(target.messageId));
    const statuses = await this.statusesBy(callback, content, signers);
    if (!statuses && 'messageId' in target) reportedBy(target, content, callback.request);
    return statuses;
  }

  /** What a callback says; undefined when none of the signers signed it. */
  private async statusesBy(
    { target, request }: Callback,
    content: SignedContent,
    signers: readonly Signer[],
  ): Promise<ReportedStatus[] | undefined> {
    const url =
      'messageId' in target
        ? this.callbackUrls.ofAttempt(target, target.mac)
        : this.callbackUrls.ofInstance(target.instanceId);
    for (const signer of signers) {
      const signatory = await signer();
      if (!signatory || !this.isSigned(signatory, request, content, url)) continue;
      return reportedBy(target, content, request).filter((status) =>
        isOf(status, signatory.accountSid),
      );
    }
    return undefined;
  }

  private isSigned(
    { keys }: Signatory,
    { signature }: SignedRequest,
    content: SignedContent,
    url: string,
  ): boolean {
    return this.callbackUrls
      .spellings(url.replace(/#.*$/, '') + content.query)
      .some((spelling) => verifyText(keys, signature, spelling, content.text));
  }

  private instance(id: string, maxAgeMs?: number): Signer {
    return async () => {
      const { configuration } = (await this.instances.find(id, maxAgeMs)) ?? {};
      if (!configuration) return undefined;
      return {
        accountSid: configuration.TWILIO_ACCOUNT_SID,
        keys: signingKeysOf(configuration),
      };
    };
  }

  private sender(messageId: string): Signer {
    return async () => signatoryOf(await this.notifications.credentialsOf(messageId));
  }

  private knownSender(messageId: string): Signer {
    return async () => {
      try {
        return signatoryOf(this.notifications.knownCredentialsOf(messageId));
      } catch (error) {
        // What this process has no key for, another may have.
        if (error instanceof MissingKeyError) return undefined;
        throw error;
      }
    };
  }
}

const forgery = (cause: string): ForbiddenException =>
  new ForbiddenException(`The callback ${cause}.`);

const unsigned = (): ForbiddenException =>
  forgery('is not signed with the auth token of its account, nor with its shared key');

const signatoryOf = (credentials: TwilioCredentials | undefined): Signatory | undefined =>
  credentials && { accountSid: credentials.accountSid, keys: [tokenKey(credentials.authToken)] };

/** What a request says. @throws ForbiddenException for JSON that is not what was signed */
function contentOf({ isJson, query, body }: SignedRequest): SignedContent {
  if (!isJson) {
    const parameters = parseForm(body.toString('utf8'));
    return { query: '', parameters, text: signedText(parameters) };
  }
  const [, hash] = BODY_HASH.exec(query) ?? [];
  if (hash !== createHash('sha256').update(body).digest('hex')) throw unsigned();
  return { query: `?${query}`, parameters: [], text: '' };
}

/** @throws ForbiddenException when a form can be read in two ways, or says nothing on the URL of an attempt */
function reportedBy(
  target: CallbackTarget,
  { parameters, text }: SignedContent,
  { isJson, body }: SignedRequest,
): ReportedStatus[] {
  if (isJson) return readEvents(body);
  const status = readStatusCallback(parameters);
  if (!status) {
    if ('messageId' in target) throw forgery('says nothing about a message');
    return [];
  }
  if (isDisguised(parameters, text)) throw forgery('can be read in more than one way');
  return [status];
}

/** @throws ForbiddenException for a callback that names another account; such an event is merely not ours */
function isOf({ source, accountSid }: ReportedStatus, expected: string): boolean {
  if (source === 'stream') return accountSid === undefined || accountSid === expected;
  if (accountSid !== expected) throw forgery('names another account');
  return true;
}
