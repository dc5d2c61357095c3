import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Server } from 'node:http';

/**
 * Keeps callbacks that come in while the application closes from holding it up: a server that closes waits for
 * connections which are kept alive after their answer, on Fastify for 72 seconds.
 */
@Injectable()
export class PromptClose implements BeforeApplicationShutdown {
  constructor(private readonly host: HttpAdapterHost) {}

  beforeApplicationShutdown(): void {
    const server = this.host.httpAdapter?.getHttpServer() as Server | undefined;
    if (!server) return;
    // Whatever comes in from now on is answered with "Connection: close"; what is being answered does not know of it.
    server.maxRequestsPerSocket = 1;
    server.keepAliveTimeout = 1;
  }
}
