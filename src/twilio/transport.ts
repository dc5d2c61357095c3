import { stringify } from 'node:querystring';
import type RequestClient from 'twilio/lib/base/RequestClient.js';
import { Agent, type Dispatcher } from 'undici';
import { TransportError, type TwilioResponse } from './twilio-response.js';

const MAX_RESPONSE_BYTES = 64 * 1024;
// Idle connections are dropped before the other side does, which would make the next request ambiguous.
const KEEP_ALIVE_MS = 4000;
const TWILIO_HOST = /(^|\.)twilio\.com$/;

export interface TransportOptions {
  /** Takes the place of every Twilio host. */
  readonly apiUrl?: string;
  readonly timeoutMs: number;
}

/**
 * The HTTP client that we put under the twilio SDK: undici instead of axios. It keeps connections alive without
 * queueing behind a fixed number of sockets, follows no redirects, and knows whether a failed request may have
 * reached Twilio - which the SDK's own client cannot tell.
 */
export class TwilioTransport {
  private readonly agent: Agent;
  private readonly origin?: string;

  constructor(private readonly options: TransportOptions) {
    this.origin = options.apiUrl && new URL(options.apiUrl).origin;
    this.agent = new Agent({
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      connect: { timeout: Math.min(options.timeoutMs, 10_000) },
      headersTimeout: options.timeoutMs,
      bodyTimeout: options.timeoutMs,
    });
  }

  /** What the SDK calls for every request; the signature is the SDK's. */
  request(request: RequestClient.RequestOptions): Promise<TwilioResponse> {
    const { origin, path } = this.target(request);
    const credentials = `${request.username}:${request.password}`;
    const headers: Record<string, string> = {
      ...(request.headers as Record<string, string>),
      Authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
    };
    return new Promise((resolve, reject) => {
      this.agent.dispatch(
        {
          origin,
          path,
          method: request.method.toUpperCase(),
          headers,
          body: request.data ? stringify(request.data as Record<string, string>) : null,
        },
        new Exchange(this.options.timeoutMs, resolve, reject),
      );
    });
  }

  /** Closes the connections; what is still under way on them fails. */
  destroy(): Promise<void> {
    return this.agent.destroy();
  }

  private target({ uri, params }: RequestClient.RequestOptions): { origin: string; path: string } {
    const url = new URL(uri);
    if (params) url.search = stringify(params as Record<string, string>);
    if (!TWILIO_HOST.test(url.hostname)) {
      throw new Error('Credentials are sent to hosts of Twilio only.');
    }
    return { origin: this.origin ?? url.origin, path: url.pathname + url.search };
  }
}

/** One request and its answer, as undici reports them. */
export class Exchange implements Dispatcher.DispatchHandler {
  private readonly chunks: Buffer[] = [];
  private size = 0;
  private started = false;
  private givenUp = false;
  private statusCode = 0;
  private headers: TwilioResponse['headers'] = {};
  private controller?: Dispatcher.DispatchController;
  private readonly deadline: NodeJS.Timeout;

  constructor(
    timeoutMs: number,
    private readonly resolve: (response: TwilioResponse) => void,
    private readonly reject: (error: TransportError) => void,
  ) {
    this.deadline = setTimeout(() => this.giveUp('TIMEOUT'), timeoutMs);
  }

  /** Called when a connection stands and the request is about to be written. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Whoever was told that nothing left must stay right: an abort here comes before the first byte.
    if (this.givenUp) return controller.abort(new TransportError(false, 'TIMEOUT'));
    this.controller = controller;
    this.started = true;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: TwilioResponse['headers'],
  ): void {
    this.statusCode = statusCode;
    this.headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.size += chunk.length;
    if (this.size > MAX_RESPONSE_BYTES) this.giveUp('RESPONSE_TOO_LARGE');
    else this.chunks.push(chunk);
  }

  onResponseEnd(): void {
    clearTimeout(this.deadline);
    this.resolve({
      statusCode: this.statusCode,
      headers: this.headers,
      body: Buffer.concat(this.chunks).toString('utf8'),
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.fail((error as { code?: string }).code ?? error.name);
  }

  private giveUp(code: string): void {
    this.fail(code);
    this.controller?.abort(new TransportError(this.started, code));
  }

  private fail(code: string): void {
    clearTimeout(this.deadline);
    this.givenUp = true;
    this.reject(new TransportError(this.started, code));
  }
}
