import { BadRequestException, PayloadTooLargeException } from '@nestjs/common';
import { parseForm, type FormParameters } from '../twilio/signature.js';

/** What is needed of a request, the same on Express and Fastify. */
export interface CallbackRequest {
  /** The bytes as they came; there when the application was made with `rawBody: true`. */
  readonly rawBody?: Buffer;
  /** What the framework's parser made of them. */
  readonly body?: unknown;
}

const MAX_BYTES = 32 * 1024;

/**
 * Reads a form body flat and whole, as it was signed.
 *
 * @throws BadRequestException when all there is has been nested by a parser
 */
export function readForm({ rawBody, body }: CallbackRequest): FormParameters {
  if (rawBody) {
    if (rawBody.length > MAX_BYTES) throw new PayloadTooLargeException();
    return parseForm(rawBody.toString('utf8'));
  }
  const entries = Object.entries(Object(body) as Record<string, unknown>);
  if (
    !entries.every(([, value]) => isText(value) || (Array.isArray(value) && value.every(isText)))
  ) {
    throw new BadRequestException(
      'The callback was parsed beyond recognition: create the application with { rawBody: true }.',
    );
  }
  return entries.flatMap(([name, value]) =>
    [value].flat().map((item): [string, string] => [name, String(item)]),
  );
}

const isText = (value: unknown): boolean => typeof value === 'string';
