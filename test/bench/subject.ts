import { Module, type INestApplication, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { TypeOrmModule } from '@nestjs/typeorm';
import { dataSourceOptions } from '#library/app/data-source.js';
import { TwilioWhatsappModule, useWhatsappBodyParsers } from '#library/index.js';
import { ProviderInstances } from '#library/providers/provider-instances.service.js';
import { ACCOUNT_SID, API, AUTH_TOKEN, ENCRYPTION_KEY, PUBLIC_URL, SENDER } from './fixtures.js';

export type Platform = 'express' | 'fastify';

/** Where the module under test keeps its data and sends its messages. */
export interface SubjectSettings {
  readonly databaseUrl: string;
  readonly twilioUrl: string;
}

/** Requests to Twilio that may be under way at once, in every variant. */
export const IN_FLIGHT = 256;
// How fast it can be, not how fast Twilio wants it, is what is measured.
const MOST_PER_SECOND = 10_000;
const DELIVERY = { maxInFlight: IN_FLIGHT, accountMessagesPerSecond: 0 };

/** Starts the module in an application that does not listen. */
export async function startContext(settings: SubjectSettings): Promise<INestApplicationContext> {
  const app = await NestFactory.createApplicationContext(subjectModule(settings), {
    logger: ['error'],
  });
  await unleash(app);
  return app;
}

/** Starts the module in an application that listens on a free port. */
export async function startApplication(
  settings: SubjectSettings,
  platform: Platform,
): Promise<INestApplication> {
  const app = await createHost(subjectModule(settings), platform);
  useWhatsappBodyParsers(app);
  await app.listen(0, '127.0.0.1');
  await unleash(app);
  return app;
}

/** A Nest application as a host makes it. */
export const createHost = (module: object, platform: Platform): Promise<INestApplication> => {
  const options = { rawBody: true, logger: ['error'] as ['error'] };
  return platform === 'fastify'
    ? NestFactory.create(module, new FastifyAdapter(), options)
    : NestFactory.create(module, options);
};

function subjectModule({ databaseUrl, twilioUrl }: SubjectSettings): object {
  @Module({
    imports: [
      TypeOrmModule.forRoot({
        ...dataSourceOptions(databaseUrl),
        migrationsRun: true,
        retryAttempts: 0,
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
        twilioApiUrl: twilioUrl,
        delivery: DELIVERY,
      }),
    ],
  })
  class SubjectModule {}
  return SubjectModule;
}

async function unleash(app: INestApplicationContext): Promise<void> {
  const instances = app.get(ProviderInstances, { strict: false });
  const { row } = await instances.choose();
  if (row.messagesPerSecond === MOST_PER_SECOND) return;
  await instances.update(row.id, { messagesPerSecond: MOST_PER_SECOND });
}
