import { ForbiddenException, Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { NotificationStore } from '../delivery/notification-store.js';
import { CallbackUrls } from '../providers/callback-urls.js';
import { ProviderInstances } from '../providers/provider-instances.service.js';
import {
  isSignature,
  parseForm,
  signedText,
  verifyText,
  type FormParameters,
} from '../twilio/signature.js';
import type { Callback, SignedRequest } from './callback-request.js';
import { readEvents } from './event-stream.js';
import type { ReportedStatus } from './reported-status.js';
import { isDisguised, readStatusCallback } from './status-callback.js';

/** An account, and the auth tokens that may have signed for it. */
interface Signatory {
  readonly accountSid: string;
  readonly authTokens: readonly string[];
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
   * What a callback says that Twilio has signed.
   *
   * @throws ForbiddenException when Twilio did not sign it, or it says nothing that Twilio would
   */
  async statusesOf({ target, request }: Callback): Promise<ReportedStatus[]> {
    const { instanceId } = target;
    const content = contentOf(request);
    if (!('messageId' in target)) {
      const { accountSid } = await this.signatory(
        request,
        content,
        this.callbackUrls.ofInstance(instanceId),
        [this.instance(instanceId), this.instance(instanceId, FRESH_MS)],
      );
      const statuses = request.isJson ? readEvents(request.body) : formStatuses(content);
      return statuses.filter((status) => isOf(status, accountSid));
    }
    // Events go to the URL of the instance.
    if (request.isJson) throw forgery('is not a form');
    const url = this.callbackUrls.ofAttempt(target, target.mac);
    const { accountSid } = await this.signatory(request, content, url, [
      this.instance(instanceId),
      // Whoever brought credentials along with the request is who Twilio signs for.
      this.sender(target.messageId),
      // Another node may have stored a new token a moment ago. Only our own URLs get this far.
      this.instance(instanceId, 0),
    ]);
    const statuses = formStatuses(content).filter((status) => isOf(status, accountSid));
    if (statuses.length === 0) throw forgery('says nothing about a message');
    return statuses;
  }

  /** Whether Twilio has signed it by what is in memory, however old that is. Costs no database work. */
  async isSignedByKnown({ target: { instanceId }, request }: Callback): Promise<boolean> {
    const url = this.callbackUrls.ofInstance(instanceId);
    const known = await this.instance(instanceId, Infinity)();
    return known !== undefined && this.isSigned(known, request, contentOf(request), url);
  }

  private async signatory(
    request: SignedRequest,
    content: SignedContent | undefined,
    url: string,
    signers: readonly Signer[],
  ): Promise<Signatory> {
    if (isSignature(request.signature)) {
      for (const signer of signers) {
        const signatory = await signer();
        if (signatory && this.isSigned(signatory, request, content, url)) return signatory;
      }
    }
    throw forgery('is not signed with the auth token of its account');
  }

  private isSigned(
    { authTokens }: Signatory,
    { signature }: SignedRequest,
    content: SignedContent | undefined,
    url: string,
  ): boolean {
    return (
      content !== undefined &&
      this.callbackUrls
        .spellings(url.replace(/#.*$/, '') + content.query)
        .some((spelling) => verifyText(authTokens, signature, spelling, content.text))
    );
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
}

const forgery = (cause: string): ForbiddenException =>
  new ForbiddenException(`The callback ${cause}.`);

/** What a request says; undefined for JSON that is not what was signed. */
function contentOf({ isJson, query, body }: SignedRequest): SignedContent | undefined {
  if (!isJson) {
    const parameters = parseForm(body.toString('utf8'));
    return { query: '', parameters, text: signedText(parameters) };
  }
  const [, hash] = BODY_HASH.exec(query) ?? [];
  if (hash !== createHash('sha256').update(body).digest('hex')) return undefined;
  return { query: `?${query}`, parameters: [], text: '' };
}

function formStatuses(content: SignedContent | undefined): ReportedStatus[] {
  const status = content && readStatusCallback(content.parameters);
  if (status && isDisguised(content.parameters, content.text)) {
    throw forgery('can be read in more than one way');
  }
  return status ? [status] : [];
}

/** @throws ForbiddenException for a callback that names another account; such an event is merely not ours */
function isOf({ source, accountSid }: ReportedStatus, expected: string): boolean {
  if (source === 'stream') return accountSid === undefined || accountSid === expected;
  if (accountSid !== expected) throw forgery('names another account');
  return true;
}
