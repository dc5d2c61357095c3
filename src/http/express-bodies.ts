import { BadRequestException } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isFormType, isJsonType, mayHaveBody, tooLarge } from './body-limits.js';
import { closeAfterAnswer } from './lingering-close.js';
import { parseForm, parseJson } from './parse-body.js';
import type { RequestGate, RouteKind } from './request-gate.js';

/** What is needed of Express's requests. */
interface ExpressRequest extends IncomingMessage {
  /** Without the query. */
  readonly path: string;
  rawBody?: Buffer;
  body?: unknown;
}

type Middleware = (
  request: ExpressRequest,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => Promise<void>;

/**
 * Makes a middleware that reads and parses the bodies of the module's own routes, once the gate has let them pass.
 * Requests to other routes go through untouched, to the parsers of the host.
 */
export function expressBodies(gate: RequestGate, globalPrefix: () => string): Middleware {
  return async (request, response, next) => {
    // Express, too, takes paths in capitals.
    const kind = gate.routeKind(request.path.toLowerCase(), globalPrefix().toLowerCase());
    if (kind === undefined) return next();
    try {
      await receive(gate, kind, request, response);
    } catch (error) {
      return next(error);
    }
    next();
  };
}

async function receive(
  gate: RequestGate,
  kind: RouteKind,
  request: ExpressRequest,
  response: ServerResponse,
): Promise<void> {
  const { 'content-type': type } = request.headers;
  const isJson = isJsonType(type);
  if (!mayHaveBody(request)) {
    if (isJson) request.body ??= {};
    return;
  }
  try {
    await gate.admit(kind, request.headers);
    // A parser of the host may have been there before.
    if (request.readableEnded) return;
    request.rawBody = await read(request, gate.maxBytes(kind, request.headers));
  } catch (error) {
    closeAfterAnswer(request, response);
    throw error;
  }
  if (isJson) request.body = parseJson(request.rawBody);
  // Of a callback nobody needs more than the bytes that are signed.
  else if (isFormType(type)) request.body = kind === 'callback' ? {} : parseForm(request.rawBody);
}

/** @throws PayloadTooLargeException as soon as more than `limit` bytes have come */
function read(request: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (request.destroyed) return reject(cutOff());
    const chunks: Buffer[] = [];
    let length = 0;
    const onData = (chunk: Buffer): void => {
      length += chunk.length;
      if (length > limit) return fail(tooLarge(limit));
      chunks.push(chunk);
    };
    const fail = (error: Error): void => {
      chunks.length = 0;
      request.off('data', onData);
      reject(error);
    };
    request.on('data', onData);
    request.once('end', () => resolve(Buffer.concat(chunks, length)));
    request.once('error', () => fail(cutOff()));
  });
}

const cutOff = (): BadRequestException =>
  new BadRequestException('The connection ended before the body had come.');
