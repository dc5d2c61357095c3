import { EventEmitter, once, setMaxListeners } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent } from 'undici';
import { report, type SentCallback, type SharedKey } from './callbacks.js';
import { answer, misbehave, readAll } from './http.js';
import { fateByNumber, type Fate, type Fault } from './fate.js';
import { seededRandom, type Random } from './random.js';
import { acceptMessage, messageResource, type SimulatedMessage } from './simulated-message.js';
import { refusalOf, twilioError } from './twilio-error.js';

/** An account that the simulated Twilio knows. */
export interface SimulatedAccount {
  readonly accountSid: string;
  readonly authToken: string;
  /** Signs its callbacks in place of the auth token. */
  readonly sharedKey?: SharedKey;
  /** Standard API keys of the account: they authenticate requests, but may not read the account, and sign nothing. */
  readonly apiKeys?: readonly { readonly sid: string; readonly secret: string }[];
  /** E.164 numbers of its WhatsApp senders; absent: every number is one. */
  readonly senders?: readonly string[];
}

export interface SimulatorOptions {
  readonly accounts: readonly SimulatedAccount[];
  /** Loopback port; 0 takes a free one. @default 0 */
  readonly port?: number;
  /** Milliseconds before each callback. @default 5 */
  readonly callbackDelayMs?: number;
  /** Milliseconds that a POST of a message takes; its fate is decided half way through. @default 0 */
  readonly latencyMs?: number;
  /** Makes whatever is random the same in every run. @default 1 */
  readonly seed?: number;
  /** How likely each fault is at each POST that has none scripted, from 0 to 1. */
  readonly faultRates?: Partial<Record<Fault, number>>;
}

/** One POST of a message that came in, accepted or not. */
export interface SimulatedPost {
  /** When it came in, in milliseconds since 1970. */
  readonly at: number;
  readonly to: string;
  readonly accountSid: string;
  /** The whole form. */
  readonly form: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly fault?: Fault;
  /** The SID, when Twilio has accepted it - whatever it answered. */
  readonly sid?: string;
}

const MESSAGES_PATH = /^\/2010-04-01\/Accounts\/(AC[0-9a-f]{32})\/Messages(?:\/(\w+))?\.json$/i;
const ACCOUNT_PATH = /^\/2010-04-01\/Accounts\/(AC[0-9a-f]{32})\.json$/i;
const SENDERS_PATH = '/v2/Channels/Senders';

/**
 * A Twilio on loopback that misbehaves on demand. It speaks the part of Twilio's API that sends WhatsApp messages,
 * signs its callbacks with Twilio's own code, and remembers the truth for assertions.
 */
export class TwilioSimulator extends EventEmitter<{
  post: [SimulatedPost];
  callback: [SentCallback];
}> {
  /** What was accepted, by SID. */
  readonly messages = new Map<string, SimulatedMessage>();
  /** Every POST of a message, in order. */
  readonly posts: SimulatedPost[] = [];
  /** Every callback that was sent, in order. */
  readonly callbacks: SentCallback[] = [];

  /** How often the list of messages was asked for, answered or not. */
  listRequests = 0;

  private unansweredLists = 0;
  private readonly server: Server;
  private readonly random: Random;
  private readonly scripts = new Map<string, Fate>();
  private readonly postsByRecipient = new Map<string, number>();
  private readonly reports = new Set<Promise<void>>();
  private readonly agent = new Agent({ keepAliveTimeout: 1000 });
  private readonly stopped = new AbortController();

  constructor(private readonly options: SimulatorOptions) {
    super();
    // Every callback under way listens.
    setMaxListeners(0, this.stopped.signal);
    this.random = seededRandom(options.seed ?? 1);
    this.server = createServer((request, response) => {
      this.handle(request, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : undefined);
      });
    });
  }

  /** Starts listening on loopback. */
  async start(): Promise<this> {
    this.server.listen(this.options.port ?? 0, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  /** Ends everything that is under way and stops listening. */
  async stop(): Promise<void> {
    this.stopped.abort();
    await this.agent.destroy();
    await Promise.all(this.reports);
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }

  /** What to pass as `twilioApiUrl`. */
  get url(): string {
    const { port } = this.server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  /** Decides the fate of a recipient's messages. @param to E.164, or a business-scoped user id */
  script(to: string, fate: Fate): void {
    this.scripts.set(addressOf(to), fate);
  }

  /** Answers the next requests for the list of messages, so many, with 503. */
  refuseLists(count: number): void {
    this.unansweredLists = count;
  }

  /** What a recipient's messages were accepted as. */
  messagesTo(to: string): SimulatedMessage[] {
    return [...this.messages.values()].filter((message) => message.to === addressOf(to));
  }

  /** Resolves when no callback is on its way any more. */
  async idle(): Promise<void> {
    while (this.reports.size > 0) await Promise.all(this.reports);
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://simulator');
    const body = await readAll(request);
    const user = userOf(request.headers.authorization);
    const account = this.authenticate(user);
    const [, accountSid, sid] =
      MESSAGES_PATH.exec(url.pathname) ?? ACCOUNT_PATH.exec(url.pathname) ?? [];
    if (!account) return answer(response, 401, twilioError(20003));
    if (url.pathname === SENDERS_PATH) return answer(response, 200, sendersOf(account));
    if (accountSid !== account.accountSid) return answer(response, 404, twilioError(20404));
    if (ACCOUNT_PATH.test(url.pathname)) {
      if (user.name !== accountSid) return answer(response, 401, twilioError(20003));
      return answer(response, 200, {
        sid: accountSid,
        status: 'active',
        friendly_name: 'Simulated',
      });
    }
    if (request.method === 'POST' && !sid) {
      const post = {
        at: Date.now(),
        accountSid,
        form: new URLSearchParams(body),
        headers: request.headers,
      };
      return this.create(account, post, response);
    }
    if (sid) return this.fetch(sid, account, response);
    this.listRequests++;
    if (this.unansweredLists > 0) {
      this.unansweredLists--;
      return answer(response, 503, twilioError(20503));
    }
    return answer(response, 200, { messages: this.list(account, url.searchParams) });
  }

  private async create(
    account: SimulatedAccount,
    came: Pick<SimulatedPost, 'at' | 'accountSid' | 'form' | 'headers'>,
    response: ServerResponse,
  ): Promise<void> {
    const { form } = came;
    const to = form.get('To') ?? '';
    await this.pass((this.options.latencyMs ?? 0) / 2);
    const fate = this.scripts.get(to) ?? fateByNumber(to);
    const no = this.postsByRecipient.get(to) ?? 0;
    this.postsByRecipient.set(to, no + 1);
    const fault = fate.faults?.[no] ?? (fate.faults ? undefined : this.randomFault());
    const refusal = fate.refuse ?? refusalOf(form, account.senders);

    const isAccepted = refusal === undefined && (!fault || fault.endsWith('After'));
    const message = isAccepted ? acceptMessage(account.accountSid, form) : undefined;
    const post = { ...came, to, fault, sid: message?.sid };
    this.posts.push(post);
    if (message) {
      this.messages.set(message.sid, message);
      if (fate.next) this.scripts.set(to, fate.next);
      const reports = this.startReports(message, fate, account);
      if (fate.callbacks?.early) await reports;
    }
    this.emit('post', post);
    await this.pass((this.options.latencyMs ?? 0) / 2);

    if (fault) return misbehave(fault, response, fate.retryAfter ?? 1);
    if (refusal !== undefined)
      return answer(response, twilioError(refusal).status, twilioError(refusal));
    await fate.answerAfter;
    return answer(response, 201, messageResource(message!));
  }

  private async pass(ms: number): Promise<void> {
    if (ms > 0) await delay(ms, undefined, { signal: this.stopped.signal });
  }

  private startReports(
    message: SimulatedMessage,
    fate: Fate,
    { authToken, sharedKey }: SimulatedAccount,
  ): Promise<void> {
    const { callbackDelayMs: delayMs = 5 } = this.options;
    const { signal } = this.stopped;
    const reports = report(
      message,
      fate,
      { authToken, sharedKey, agent: this.agent, random: this.random, delayMs, signal },
      (sent) => {
        this.callbacks.push(sent);
        this.emit('callback', sent);
      },
    )
      .catch((error: unknown) => {
        if (!signal.aborted) throw error;
      })
      .finally(() => this.reports.delete(reports));
    this.reports.add(reports);
    return reports;
  }

  private fetch(sid: string, { accountSid }: SimulatedAccount, response: ServerResponse): void {
    const message = this.messages.get(sid);
    if (message?.accountSid !== accountSid) return answer(response, 404, twilioError(20404));
    return answer(response, 200, messageResource(message));
  }

  private list({ accountSid }: SimulatedAccount, query: URLSearchParams): object[] {
    const pageSize = Number(query.get('PageSize') ?? 50);
    return [...this.messages.values()]
      .filter(
        (message) =>
          message.accountSid === accountSid &&
          (!query.has('To') || message.to === query.get('To')) &&
          (!query.has('From') || message.from === query.get('From')),
      )
      .toReversed()
      .slice(0, pageSize)
      .map(messageResource);
  }

  private authenticate({ name, password }: BasicUser): SimulatedAccount | undefined {
    return this.options.accounts.find(
      ({ accountSid, authToken, apiKeys = [] }) =>
        (name === accountSid && password === authToken) ||
        apiKeys.some(({ sid, secret }) => name === sid && password === secret),
    );
  }

  private randomFault(): Fault | undefined {
    let dice = this.random();
    for (const [fault, rate] of Object.entries(this.options.faultRates ?? {})) {
      dice -= rate;
      if (dice < 0) return fault as Fault;
    }
    return undefined;
  }
}

interface BasicUser {
  readonly name: string;
  readonly password: string;
}

function userOf(authorization = ''): BasicUser {
  const [, credentials = ''] = authorization.split(' ');
  const [name, ...password] = Buffer.from(credentials, 'base64').toString('utf8').split(':');
  return { name, password: password.join(':') };
}

const addressOf = (to: string): string => (to.startsWith('whatsapp:') ? to : `whatsapp:${to}`);

const sendersOf = ({ senders = [] }: SimulatedAccount): object => ({
  senders: senders.map((sender) => ({ sender_id: `whatsapp:${sender}`, status: 'ONLINE' })),
  meta: { page: 0, page_size: 1000, next_page_url: null },
});
