import { Injectable, UnauthorizedException } from '@nestjs/common';
import { hash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';

const KEY_HEADER = 'x-engagespot-api-key';
const SECRET_HEADER = 'x-engagespot-api-secret';

/** Compares the API key and secret of a request with those of the options. */
@Injectable()
export class ApiKeyVerifier {
  private readonly expected?: { readonly key: Buffer; readonly secret: Buffer };
  /** Headers of requests that were found right before their bodies were read: the guard need not compare again. */
  private readonly verified = new WeakSet<IncomingHttpHeaders>();

  constructor(@InjectWhatsappOptions() { api }: TwilioWhatsappOptions) {
    if (api && 'key' in api) this.expected = { key: digest(api.key), secret: digest(api.secret) };
  }

  /** @throws UnauthorizedException unless both are there and right */
  verify(headers: IncomingHttpHeaders): void {
    if (this.verified.has(headers)) return;
    if (!this.expected || !hasKeys(headers, this.expected)) {
      throw new UnauthorizedException(
        'The API key or secret is missing or wrong. Send them as X-ENGAGESPOT-API-KEY and X-ENGAGESPOT-API-SECRET.',
      );
    }
    this.verified.add(headers);
  }
}

function hasKeys(headers: IncomingHttpHeaders, { key, secret }: Record<string, Buffer>): boolean {
  // Both are compared, so that the time tells nothing about which of them is wrong.
  const matches = [same(headers[KEY_HEADER], key), same(headers[SECRET_HEADER], secret)];
  return matches.every(Boolean);
}

const same = (given: unknown, expected: Buffer): boolean =>
  typeof given === 'string' && timingSafeEqual(digest(given), expected);

const digest = (text: string): Buffer => hash('sha256', text, 'buffer');
