import { BadRequestException, type INestApplication } from '@nestjs/common';
import { parse } from 'node:querystring';

/** Ten thousand recipients with attributes fit in. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

type FastifyParser = (
  request: unknown,
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

const parseForm: FastifyParser = (_request, body, done) => done(null, parse(body.toString('utf8')));

const parseJson: FastifyParser = (_request, body, done) => {
  if (body.length === 0) return done(null, {});
  try {
    done(null, JSON.parse(body.toString('utf8')));
  } catch (error) {
    done(new BadRequestException(`The body is not JSON: ${(error as Error).message}`));
  }
};
