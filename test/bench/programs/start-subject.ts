import { settings } from '../harness/program.js';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  TWILIO_WHATSAPP_ENTITIES,
  TWILIO_WHATSAPP_MIGRATIONS,
  TwilioWhatsappModule,
} from '#library/index.js';
import { ACCOUNT_SID, API, AUTH_TOKEN, ENCRYPTION_KEY, PUBLIC_URL, SENDER } from '../fixtures.js';

const { databaseUrl } = settings as { databaseUrl: string };

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'better-sqlite3',
      database: databaseUrl.replace('sqlite://', ''),
      enableWAL: true,
      entities: TWILIO_WHATSAPP_ENTITIES,
      migrations: TWILIO_WHATSAPP_MIGRATIONS,
      migrationsRun: true,
    }),
    TwilioWhatsappModule.forRoot({
      publicUrl: PUBLIC_URL,
      encryptionKeys: [ENCRYPTION_KEY],
      api: API,
      provider: {
        TWILIO_ACCOUNT_SID: ACCOUNT_SID,
        TWILIO_AUTH_TOKEN: AUTH_TOKEN,
        TWILIO_FROM_NUMBER: SENDER,
      },
    }),
  ],
})
class SubjectModule {}

const app = await NestFactory.create(SubjectModule, new FastifyAdapter(), {
  rawBody: true,
  logger: ['error'],
});
await app.listen(0, '127.0.0.1');
process.once('disconnect', () => process.exit(0));
process.send?.(process.memoryUsage.rss() / 2 ** 20);
