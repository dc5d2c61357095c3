import type { INestApplication } from '@nestjs/common';
import type { Server } from 'node:http';

/** Milliseconds in which a request has to come in. */
const REQUEST_TIMEOUT_MS = 30_000;
const MAX_HEADERS_MS = 10_000;
const CHECKS_PER_TIMEOUT = 6;

/**
 * Limits how long the clients of an application, on any of its routes, may take to send a request: a connection whose
 * request is not complete by then is answered 408 and closed. Without it, Fastify waits for ever and Node for five
 * minutes. Call it before `listen`.
 *
 * @param requestTimeoutMs milliseconds for a whole request; its headers have a third of it, and 10 s at most
 */
export function limitRequestTime(
  app: INestApplication,
  requestTimeoutMs = REQUEST_TIMEOUT_MS,
): void {
  const server = app.getHttpServer() as Server & { connectionsCheckingInterval: number };
  server.requestTimeout = requestTimeoutMs;
  server.headersTimeout = Math.min(MAX_HEADERS_MS, requestTimeoutMs / 3);
  // Node reads it when the server begins to listen.
  server.connectionsCheckingInterval = requestTimeoutMs / CHECKS_PER_TIMEOUT;
}
