import { settings } from '../harness/program.js';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { TypeOrmModule } from '@nestjs/typeorm';

const { databaseUrl } = settings as { databaseUrl: string };

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'better-sqlite3',
      database: databaseUrl.replace('sqlite://', ''),
      enableWAL: true,
      entities: [],
    }),
  ],
})
class EmptyModule {}

const app = await NestFactory.create(EmptyModule, new FastifyAdapter(), { logger: ['error'] });
await app.listen(0, '127.0.0.1');
process.once('disconnect', () => process.exit(0));
process.send?.(process.memoryUsage.rss() / 2 ** 20);
