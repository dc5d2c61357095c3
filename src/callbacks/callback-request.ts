import { BadRequestException } from '@nestjs/common';
import { callbackLimit, isJsonType, tooLarge } from '../http/body-limits.js';
import type { IncomingHttpHeaders } from 'node:http';
import type { CallbackPath } from '../providers/callback-urls.js';

/** What is needed of a request, the same on Express and Fastify. */
export interface HttpRequest {
  readonly originalUrl: string;
  readonly headers: IncomingHttpHeaders;
  /** The bytes as they came; there when the application was made with `rawBody: true`. */
  readonly rawBody?: Buffer;
  /** What the framework's parser made of them. */
  readonly body?: unknown;
}

/** What Twilio sent and signed, as it came in. */
export interface SignedRequest {
  readonly signature: string;
  /** What stood behind the question mark. */
  readonly query: string;
  readonly isJson: boolean;
  readonly body: Buffer;
}

/** Whose URL was called: that of one attempt, which we made, or that of a provider instance. */
export type CallbackTarget =
  (CallbackPath & { readonly mac: string }) | Pick<CallbackPath, 'instanceId'>;

/** A callback that came in. */
export interface Callback {
  readonly target: CallbackTarget;
  readonly request: SignedRequest;
  /** When it came, by the database's clock, in milliseconds since 1970. */
  readonly at: number;
}

/**
 * Takes what is signed out of a request.
 *
 * @throws PayloadTooLargeException beyond 32 KiB of form, 256 KiB of JSON
 * @throws BadRequestException when all there is of the body has been rewritten by a parser
 */
export function signedRequest({ originalUrl, headers, rawBody, body }: HttpRequest): SignedRequest {
  const { 'x-twilio-signature': signature, 'content-type': type } = headers;
  const isJson = isJsonType(type);
  const bytes = rawBody ?? (isJson ? lost() : formBytes(body));
  const limit = callbackLimit(type);
  if (bytes.length > limit) throw tooLarge(limit);
  const [, query = ''] = /\?(.*)$/.exec(originalUrl) ?? [];
  return { signature: String(signature ?? ''), query, isJson, body: bytes };
}

/** A form that a parser has left flat can be written again. */
function formBytes(body: unknown): Buffer {
  const pairs = Object.entries(Object(body) as Record<string, unknown>).flatMap(([name, value]) =>
    [value]
      .flat()
      .map((item): [string, string] => [name, typeof item === 'string' ? item : lost()]),
  );
  return Buffer.from(new URLSearchParams(pairs).toString());
}

function lost(): never {
  throw new BadRequestException(
    'The callback was parsed beyond recognition: create the application with { rawBody: true }.',
  );
}
