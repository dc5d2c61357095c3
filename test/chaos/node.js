// One process of the system under test: a NestJS application on the built library. It has loaded all its code before it
// is told to go, so that whoever is killed is soon replaced.
import 'reflect-metadata';
import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { TypeOrmModule } from '@nestjs/typeorm';
import { dataSourceOptions } from '../../dist/app/data-source.js';
import { TwilioWhatsappModule, useWhatsappBodyParsers } from '../../dist/index.js';

// Without the harness there is nobody to end it.
process.on('disconnect', () => process.exit());
const [{ id, port, databaseUrl, whatsapp }] = await once(process, 'message');

// Tells the simulator which process a request is from.
channel('undici:request:create').subscribe(({ request }) =>
  request.addHeader('x-chaos-process', String(id)),
);

class NodeModule {}
Module({
  imports: [
    TypeOrmModule.forRoot({ ...dataSourceOptions(databaseUrl), retryAttempts: 3 }),
    TwilioWhatsappModule.forRoot(whatsapp),
  ],
})(NodeModule);

const app = await NestFactory.create(NodeModule, new FastifyAdapter(), {
  rawBody: true,
  logger: process.env.CHAOS_LOG ? undefined : ['fatal'],
});
useWhatsappBodyParsers(app);
app.enableShutdownHooks();
await app.listen(port, '127.0.0.1');
process.send('ready');
