import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { Transform, type Readable } from 'node:stream';
import { isLengthUnknown, mayHaveBody, tooLarge } from './body-limits.js';
import { closeAfterAnswer } from './lingering-close.js';
import type { RequestGate, RouteKind } from './request-gate.js';

/** What is needed of Fastify's requests and replies. */
export interface FastifyExchange {
  readonly raw: IncomingMessage;
  readonly headers: IncomingHttpHeaders;
  readonly url: string;
  readonly rawBody?: Buffer;
  readonly routeOptions: { readonly config: { readonly [ROUTE_KIND]?: RouteKind } };
}
interface FastifyReply {
  readonly raw: ServerResponse;
}

type OnRequest = (request: FastifyExchange, reply: FastifyReply) => Promise<void>;
type PreParsing = (
  request: FastifyExchange,
  reply: FastifyReply,
  payload: Readable,
  done: (error: Error | null, payload?: Readable) => void,
) => void;

interface FastifyRoute {
  readonly url: string;
  bodyLimit?: number;
  config?: object;
  onRequest?: OnRequest | OnRequest[];
  preParsing?: PreParsing | PreParsing[];
}

/** What is needed of a Fastify instance. */
export interface FastifyInstance {
  addHook(name: 'onRoute', hook: (route: FastifyRoute) => void): unknown;
}

/** Where a route of the module's keeps what it takes. */
export const ROUTE_KIND = Symbol.for('nestjs-twilio-whatsapp:ROUTE_KIND');

/** Puts the gate in front of the module's routes, and of no others. Call it before they are registered. */
export function gateFastifyRoutes(
  instance: FastifyInstance,
  gate: RequestGate,
  globalPrefix: () => string,
): void {
  instance.addHook('onRoute', (route) => {
    const kind = gate.routeKind(route.url, globalPrefix());
    if (kind === undefined) return;
    route.config = { ...route.config, [ROUTE_KIND]: kind };
    route.bodyLimit = gate.maxBytes(kind, { 'content-type': 'application/json' });
    route.onRequest = [admission(gate, kind), ...listOf(route.onRequest)];
    route.preParsing = [streamLimit(gate, kind), ...listOf(route.preParsing)];
  });
}

function admission(gate: RequestGate, kind: RouteKind): OnRequest {
  return async ({ raw, headers }, reply) => {
    if (!mayHaveBody(raw)) return;
    try {
      await gate.admit(kind, headers);
    } catch (error) {
      closeAfterAnswer(raw, reply.raw);
      throw error;
    }
  };
}

/** Counts the bytes of bodies that do not say how many they have; the HTTP parser holds the others to their word. */
function streamLimit(gate: RequestGate, kind: RouteKind): PreParsing {
  return ({ raw, headers }, reply, payload, done) => {
    if (!isLengthUnknown(raw)) return done(null, payload);
    const limit = gate.maxBytes(kind, headers);
    let seen = 0;
    const limited = new Transform({
      transform(chunk: Buffer, _encoding, pass) {
        seen += chunk.length;
        if (seen <= limit) return pass(null, chunk);
        closeAfterAnswer(raw, reply.raw);
        pass(tooLarge(limit));
      },
    });
    payload.on('error', (error) => limited.destroy(error));
    done(null, payload.pipe(limited));
  };
}

const listOf = <T>(given: T | T[] | undefined): T[] =>
  given === undefined ? [] : ([given].flat() as T[]);
