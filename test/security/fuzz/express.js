// The backend's module on Express instead of Fastify, on the built library.
import 'reflect-metadata';
import { ConsoleLogger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from '../../../dist/app/app.module.js';
import { limitRequestTime, useWhatsappBodyParsers } from '../../../dist/index.js';

const app = await NestFactory.create(AppModule, {
  rawBody: true,
  logger: new ConsoleLogger({ json: true }),
});
useWhatsappBodyParsers(app);
limitRequestTime(app);
app.enableShutdownHooks();
await app.listen(Number(process.env.PORT), '127.0.0.1');
