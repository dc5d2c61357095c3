import type { INestApplication } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { PROVIDER_IDENTIFIER } from '../twilio-whatsapp.constants.js';
import { expressBodies } from './express-bodies.js';
import {
  gateFastifyRoutes,
  ROUTE_KIND,
  type FastifyExchange,
  type FastifyInstance,
} from './fastify-bodies.js';
import { parseForm, parseJson } from './parse-body.js';
import { RequestGate } from './request-gate.js';

const CALLBACKS = new RegExp(`^[^?]*/callbacks/${PROVIDER_IDENTIFIER}/[0-9a-f-]{36}(/|$)`);

type Done = (error: Error | null, parsed?: unknown) => void;
type FastifyParser = (request: FastifyExchange, body: Buffer, done: Done) => void;

interface FastifyWithParsers extends FastifyInstance {
  readonly initialConfig: {
    readonly onProtoPoisoning?: string;
    readonly onConstructorPoisoning?: string;
    readonly bodyLimit?: number;
  };
  getDefaultJsonParser(onProtoPoisoning: string, onConstructorPoisoning: string): FastifyParser;
}

interface FastifyApplication {
  useBodyParser(type: string, options: object, parser: FastifyParser): unknown;
}

/**
 * Lets the module's routes take what clients of the API send: up to 8 MiB of JSON where Express stops at 100 KiB and
 * Fastify at 1 MiB, and requests that say JSON and have no body, which Fastify refuses and Engagespot's own client
 * sends. Requests without a valid key are refused before their body is read, callbacks beyond 32 KiB of form or
 * 256 KiB of JSON while they come. Other routes of the application keep the limits they have. Call it before `listen`,
 * on an application created with `rawBody: true`.
 */
export function useWhatsappBodyParsers(app: INestApplication): void {
  const gate = gateOf(app);
  // The host may set its prefix later.
  const globalPrefix = (): string =>
    (app as unknown as { config?: { getGlobalPrefix(): string } }).config?.getGlobalPrefix() ?? '';
  if (app.getHttpAdapter().getType() !== 'fastify') {
    if (gate) app.use(expressBodies(gate, globalPrefix));
    return;
  }
  const instance = app.getHttpAdapter().getInstance() as FastifyWithParsers;
  if (gate) gateFastifyRoutes(instance, gate, globalPrefix);
  useFastifyParsers(app as unknown as FastifyApplication, instance);
}

/** The gate of the module; undefined in an application that does not import it. */
function gateOf(app: INestApplication): RequestGate | undefined {
  // `app.get` of a missing provider ends the process of an application with `abortOnError`, the default.
  for (const { providers } of app.get(ModulesContainer, { strict: false }).values()) {
    const gate: unknown = providers.get(RequestGate)?.instance;
    if (gate instanceof RequestGate) return gate;
  }
  return undefined;
}

function useFastifyParsers(app: FastifyApplication, instance: FastifyWithParsers): void {
  const {
    bodyLimit,
    onProtoPoisoning = 'error',
    onConstructorPoisoning = 'error',
  } = instance.initialConfig;
  const parseJsonOfHost = instance.getDefaultJsonParser(onProtoPoisoning, onConstructorPoisoning);
  app.useBodyParser('application/json', { bodyLimit }, (request, body, done) => {
    if (request.routeOptions.config[ROUTE_KIND] === undefined) {
      return parseJsonOfHost(request, body, done);
    }
    parsed(() => parseJson(body), done);
  });
  // Nest 11 registers no parser by itself any more once it was given one.
  app.useBodyParser('application/x-www-form-urlencoded', { bodyLimit }, (request, body, done) => {
    // Of a callback nobody needs more than the bytes that are signed.
    const isSigned = request.rawBody !== undefined && CALLBACKS.test(request.url);
    done(null, isSigned ? {} : parseForm(body));
  });
}

function parsed(parse: () => unknown, done: Done): void {
  let value: unknown;
  try {
    value = parse();
  } catch (error) {
    return done(error as Error);
  }
  done(null, value);
}
