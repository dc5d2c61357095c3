import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Server, ServerResponse } from 'node:http';

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
    server.prependListener('request', (_request, response: ServerResponse) => {
      response.setHeader('Connection', 'close');
    });
    // What is being answered does not know of it.
    server.keepAliveTimeout = 1;
  }
}
