import { BadRequestException, type INestApplication } from '@nestjs/common';
import { parse } from 'node:querystring';
import { PROVIDER_IDENTIFIER } from '../twilio-whatsapp.constants.js';

/** Ten thousand recipients with attributes fit in. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;
const CALLBACKS = new RegExp(`^[^?]*/callbacks/${PROVIDER_IDENTIFIER}/[0-9a-f-]{36}(/|$)`);

/** What Nest hands to a parser; `rawBody` where the application was created with it. */
interface ParsedRequest {
  readonly url: string;
  readonly rawBody?: Buffer;
}

type FastifyParser = (
  request: ParsedRequest,
  body: Buffer,
  done: (error: Error | null, parsed?: unknown) => void,
) => void;

interface ConfigurableParsers {
  useBodyParser(type: string, options: object, parser?: FastifyParser): unknown;
}

/**
 * Lets an application take what clients of the API send: up to 8 MiB of JSON where Express stops at 100 KiB and
 * Fastify at 1 MiB, and requests that say JSON and have no body, which Fastify refuses and Engagespot's own client
 * sends. Call it before `listen`, on an application created with `rawBody: true`.
 */
export function useWhatsappBodyParsers(app: INestApplication): void {
  const parsers = app as unknown as ConfigurableParsers;
  if (app.getHttpAdapter().getType() === 'fastify') {
    parsers.useBodyParser('application/json', { bodyLimit: MAX_BODY_BYTES }, parseJson);
    // Nest 11 registers no parser by itself any more once it was given one.
    parsers.useBodyParser('application/x-www-form-urlencoded', {}, parseForm);
  } else {
    parsers.useBodyParser('json', { limit: MAX_BODY_BYTES });
  }
}

// Of a callback nobody needs more than the bytes that are signed.
const parseForm: FastifyParser = ({ url, rawBody }, body, done) =>
  done(null, rawBody && CALLBACKS.test(url) ? {} : parse(body.toString('utf8')));

const parseJson: FastifyParser = (_request, body, done) => {
  if (body.length === 0) return done(null, {});
  try {
    done(null, JSON.parse(body.toString('utf8')));
  } catch (error) {
    done(new BadRequestException(`The body is not JSON: ${(error as Error).message}`));
  }
};
