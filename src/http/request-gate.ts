import { UnauthorizedException, UnsupportedMediaTypeException } from '@nestjs/common';
import type { IncomingHttpHeaders } from 'node:http';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import type { ApiKeyVerifier } from './api-key.verifier.js';
import {
  callbackLimit,
  MAX_BODY_BYTES,
  MAX_UNCHECKED_BODY_BYTES,
  tooLarge,
} from './body-limits.js';

/** What a route of the module takes: requests of the API, or callbacks. */
export type RouteKind = 'api' | 'callback';

/** Decides by the headers of a request whether its body is read, and how much of it. */
export class RequestGate {
  /** @param routes the paths of the module's controllers, without the host's global prefix, and what they take */
  constructor(
    private readonly api: TwilioWhatsappOptions['api'],
    private readonly apiKey: ApiKeyVerifier,
    private readonly routes: ReadonlyMap<string, RouteKind>,
  ) {}

  /**
   * What the module's route at a path takes; undefined for routes of others.
   *
   * @param globalPrefix of the host application, as given to `setGlobalPrefix`
   */
  routeKind(path: string, globalPrefix: string): RouteKind | undefined {
    const base = slashed(globalPrefix);
    if (!path.startsWith(`${base}/`)) return undefined;
    const inner = path.slice(base.length);
    for (const [route, kind] of this.routes) {
      if (inner.startsWith(route) && (inner.length === route.length || inner[route.length] === '/'))
        return kind;
    }
    return undefined;
  }

  /**
   * Refuses a request by its headers, so that nothing is read of a body that is not wanted.
   *
   * @throws UnauthorizedException when the API key is wrong, or the host's check of the headers says no
   * @throws UnsupportedMediaTypeException for a compressed body: it may be far longer than its bytes say
   * @throws PayloadTooLargeException when `Content-Length` is beyond the limit
   */
  async admit(kind: RouteKind, headers: IncomingHttpHeaders): Promise<void> {
    if (kind === 'api') await this.authenticate(headers);
    const encoding = headers['content-encoding'] ?? 'identity';
    if (encoding.toLowerCase() !== 'identity') {
      throw new UnsupportedMediaTypeException(
        'The body is compressed: send it as it is, without Content-Encoding.',
      );
    }
    const limit = this.maxBytes(kind, headers);
    if (Number(headers['content-length'] ?? 0) > limit) throw tooLarge(limit);
  }

  /** How many bytes the body of such a request may have. */
  maxBytes(kind: RouteKind, headers: IncomingHttpHeaders): number {
    if (kind === 'callback') return callbackLimit(headers['content-type']);
    const isUnchecked = this.api !== undefined && 'guards' in this.api && !this.api.checkHeaders;
    return isUnchecked ? MAX_UNCHECKED_BODY_BYTES : MAX_BODY_BYTES;
  }

  private async authenticate(headers: IncomingHttpHeaders): Promise<void> {
    if (!this.api || !('guards' in this.api)) return this.apiKey.verify(headers);
    const { checkHeaders } = this.api;
    if (checkHeaders && !(await checkHeaders(headers))) {
      throw new UnauthorizedException('The request is not authenticated.');
    }
  }
}

/** A path that begins with a slash and does not end with one; the empty one stays empty. */
export const slashed = (path: string): string =>
  path
    .split('/')
    .filter(Boolean)
    .map((part) => `/${part}`)
    .join('');
