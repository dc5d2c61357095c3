// One node of the system under test: a NestJS application on the built library, made to be killed.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { TypeOrmModule } from '@nestjs/typeorm';
import { dataSourceOptions } from '../../dist/app/data-source.js';
import { TwilioWhatsappModule, useWhatsappBodyParsers } from '../../dist/index.js';
import { TwilioGateway } from '../../dist/twilio/twilio.gateway.js';

const { port, databaseUrl, whatsapp, resendsAmbiguous } = JSON.parse(process.env.CHAOS_NODE);

if (resendsAmbiguous) {
  // The control: the usual rule, which takes every failure for a reason to try again.
  const { send } = TwilioGateway.prototype;
  TwilioGateway.prototype.send = async function (...args) {
    const outcome = await send.apply(this, args);
    return outcome.kind === 'ambiguous'
      ? { ...outcome, kind: 'notSent', reason: 'control', explanation: 'control' }
      : outcome;
  };
}

class NodeModule {}
Module({
  imports: [
    TypeOrmModule.forRoot({ ...dataSourceOptions(databaseUrl), retryAttempts: 3 }),
    TwilioWhatsappModule.forRoot(whatsapp),
  ],
})(NodeModule);

const app = await NestFactory.create(NodeModule, new FastifyAdapter(), {
  rawBody: true,
  logger: ['fatal'],
});
useWhatsappBodyParsers(app);
app.enableShutdownHooks();
await app.listen(port, '127.0.0.1');
process.send?.('ready');
