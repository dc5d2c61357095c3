import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type twilio from 'twilio';
import type { Twilio } from 'twilio';
import type RequestClient from 'twilio/lib/base/RequestClient.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import {
  accountFinding,
  apiKeyFinding,
  NOT_CHECKED,
  senderFinding,
  type ConfigurationCheck,
} from './configuration-check.js';
import { explainVariables } from './content-variables.js';
import { listed, type ListedMessage } from './listed-message.js';
import { outcomeOf, outcomeOfFailure, type Outcome } from './outcome.js';
import type { TwilioTransport } from './transport.js';
import { jsonOf, TransportError, type TwilioResponse } from './twilio-response.js';
import { toWhatsappAddress } from './whatsapp-address.js';

/** What a request to Twilio is authenticated with. */
export interface TwilioCredentials {
  readonly accountSid: string;
  /** Signs the callbacks, whatever the requests are authenticated with. */
  readonly authToken: string;
  /** Takes the place of the account and its token in requests. */
  readonly apiKey?: { readonly sid: string; readonly secret: string };
}

/** The secret that requests are authenticated with. */
export const secretOf = ({ authToken, apiKey }: TwilioCredentials): string =>
  apiKey?.secret ?? authToken;

/** Twilio's body parameters of a message, in its own spelling. */
export type TwilioParameters = Readonly<Record<string, string | readonly string[]>>;

/** The newest messages between two addresses. */
export interface MessageList {
  readonly messages: readonly ListedMessage[];
  /** Whether every entry could be read; otherwise one that cannot is left out. */
  readonly isReadable: boolean;
  /** Whether there are no older messages than these. */
  readonly isLastPage: boolean;
}

const SENDERS = 'https://messaging.twilio.com/v2/Channels/Senders?Channel=whatsapp&PageSize=1000';
/** Messages that a look at the list brings at most. */
const LIST_PAGE = 50;

const API = 'https://api.twilio.com/2010-04-01/Accounts';
const MAX_CLIENTS = 1000;

/** Twilio's SDK, and the HTTP client under it. */
interface Sdk {
  readonly connect: typeof twilio;
  readonly transport: TwilioTransport;
}

/** Twilio's SDK cannot be loaded: nothing was sent. The message says why, and what to do. */
export class TwilioSdkError extends Error {
  override readonly name = 'TwilioSdkError';

  constructor(cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(
      `Twilio's SDK could not be loaded: ${reason}. Install the dependencies of nestjs-twilio-whatsapp again; until then messages wait.`,
      { cause },
    );
  }
}

/** Speaks to Twilio through its SDK. No error of the SDK, which may hold credentials, leaves this class. */
@Injectable()
export class TwilioGateway implements OnApplicationShutdown {
  private sdk?: Promise<Sdk>;
  private readonly clients = new Map<string, Twilio>();

  constructor(@InjectWhatsappOptions() private readonly options: TwilioWhatsappOptions) {}

  /**
   * Loads what requests are made with. Applications start faster when that waits until there is something to send.
   *
   * @throws TwilioSdkError; the next call tries again
   */
  load(): Promise<Sdk> {
    this.sdk ??= loadSdk(this.options).catch((error: unknown) => {
      this.sdk = undefined;
      throw new TwilioSdkError(error);
    });
    return this.sdk;
  }

  /** POSTs one message. Never rejects: what went wrong is part of the outcome. */
  async send(credentials: TwilioCredentials, parameters: TwilioParameters): Promise<Outcome> {
    try {
      // `messages.create` would drop every parameter that this version of the SDK does not know.
      const response = await this.request(credentials, {
        method: 'post',
        uri: `${API}/${credentials.accountSid}/Messages.json`,
        data: parameters,
      });
      return explainVariables(outcomeOf(response), parameters);
    } catch (error) {
      return outcomeOfFailure(error);
    }
  }

  /** One message by its SID; undefined when Twilio does not tell. */
  async fetch(credentials: TwilioCredentials, sid: string): Promise<ListedMessage | undefined> {
    const answer = await this.ask(
      credentials,
      `${API}/${credentials.accountSid}/Messages/${sid}.json`,
    );
    return listed(answerOf(answer))[0];
  }

  /** The newest messages to an address, from a sender if one is given; undefined when Twilio does not answer. */
  async list(
    credentials: TwilioCredentials,
    to: string,
    from: string | null,
  ): Promise<MessageList | undefined> {
    const query = new URLSearchParams({ To: toWhatsappAddress(to), PageSize: String(LIST_PAGE) });
    if (from !== null) query.set('From', toWhatsappAddress(from));
    const answer = await this.ask(
      credentials,
      `${API}/${credentials.accountSid}/Messages.json?${query.toString()}`,
    );
    const { messages: entries, next_page_uri } = answerOf(answer) as MessagePage;
    if (!Array.isArray(entries)) return undefined;
    const messages = entries.flatMap(listed);
    return {
      messages,
      isReadable: messages.length === entries.length,
      isLastPage: entries.length < LIST_PAGE && typeof next_page_uri !== 'string',
    };
  }

  /** Asks Twilio whether the credentials are good and the sender is theirs and online. */
  async check(credentials: TwilioCredentials, from: string): Promise<ConfigurationCheck> {
    try {
      await this.load();
    } catch (error) {
      const { message: explanation } = error as TwilioSdkError;
      return { ok: false, credentials: { ok: false, explanation }, sender: NOT_CHECKED };
    }
    const uri = `${API}/${credentials.accountSid}`;
    const account = credentials.apiKey
      ? apiKeyFinding(await this.ask(credentials, `${uri}/Messages.json?PageSize=1`))
      : accountFinding(await this.ask(credentials, `${uri}.json`));
    if (!account.ok) return { ok: false, credentials: account, sender: NOT_CHECKED };
    const sender = senderFinding(await this.ask(credentials, SENDERS), from);
    return { ok: sender.ok, credentials: account, sender };
  }

  async onApplicationShutdown(): Promise<void> {
    const sdk = await this.sdk?.catch(() => undefined);
    await sdk?.transport.destroy();
  }

  private async ask(
    credentials: TwilioCredentials,
    uri: string,
  ): Promise<TwilioResponse | TransportError> {
    try {
      return await this.request(credentials, { method: 'get', uri });
    } catch (error) {
      if (error instanceof TwilioSdkError) throw error;
      return error instanceof TransportError ? error : new TransportError(true, 'UNKNOWN');
    }
  }

  private async request(
    credentials: TwilioCredentials,
    options: RequestClient.RequestOptions,
  ): Promise<TwilioResponse> {
    const client = this.client(credentials, await this.load());
    return (await client.request(options)) as TwilioResponse;
  }

  private client(credentials: TwilioCredentials, { connect, transport }: Sdk): Twilio {
    const { accountSid, apiKey } = credentials;
    const user = apiKey?.sid ?? accountSid;
    const key = [accountSid, user, secretOf(credentials)].join(':');
    let client = this.clients.get(key);
    if (!client) {
      if (this.clients.size === MAX_CLIENTS) this.clients.clear();
      client = connect(user, secretOf(credentials), {
        accountSid,
        httpClient: transport as unknown as RequestClient,
      });
      this.clients.set(key, client);
    }
    return client;
  }
}

async function loadSdk({ twilioApiUrl, delivery }: TwilioWhatsappOptions): Promise<Sdk> {
  const [{ default: connect }, { TwilioTransport: Transport }] = await Promise.all([
    import('twilio'),
    import('./transport.js'),
  ]);
  const options = { apiUrl: twilioApiUrl, timeoutMs: delivery.requestTimeoutMs };
  return { connect, transport: new Transport(options) };
}

interface MessagePage {
  readonly messages?: unknown;
  readonly next_page_uri?: unknown;
}

/** What Twilio answered; empty when that is no success, or not JSON. */
const answerOf = (answer: TwilioResponse | TransportError): Readonly<Record<string, unknown>> =>
  answer instanceof TransportError || answer.statusCode !== 200 ? {} : jsonOf(answer);
