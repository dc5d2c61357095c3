import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { APP_FILTER } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { createMigratedDataSource } from '../database/migrations/migrated-data-source.js';
import { TwilioWhatsappModule } from '../twilio-whatsapp.module.js';
import { backendConfig, type BackendConfig } from './backend.config.js';
import { dataSourceOptions } from './data-source.js';
import { HealthController } from './health.controller.js';
import { HttpErrorFilter } from './http-error.filter.js';
import { WriteProbe } from './write-probe.js';

/** The backend: the library behind its REST API, on a database of its own. */
@Module({
  imports: [
    ConfigModule.forRoot({ isGlobal: true, load: [backendConfig] }),
    TypeOrmModule.forRootAsync({
      inject: [backendConfig.KEY],
      useFactory: ({ databaseUrl }: BackendConfig) => ({
        ...dataSourceOptions(databaseUrl),
        retryAttempts: 3,
      }),
      dataSourceFactory: createMigratedDataSource,
    }),
    TwilioWhatsappModule.forRootAsync({
      inject: [backendConfig.KEY],
      useFactory: ({ whatsapp }: BackendConfig) => whatsapp,
    }),
  ],
  controllers: [HealthController],
  providers: [WriteProbe, { provide: APP_FILTER, useClass: HttpErrorFilter }],
})
export class AppModule {}
