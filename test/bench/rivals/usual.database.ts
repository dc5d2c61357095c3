import type { TypeOrmModuleOptions } from '@nestjs/typeorm';
import { dataSourceOptions } from '#library/app/data-source.js';
import { UsualEvent, UsualMessage } from './usual.entities.js';

/** The database of the usual design. */
export const usualDatabase = (databaseUrl: string): TypeOrmModuleOptions =>
  durable({
    ...dataSourceOptions(databaseUrl),
    entities: [UsualMessage, UsualEvent],
    migrations: [],
    synchronize: true,
  });

/** The module's own tables, for a rival that writes the same rows. */
export const savingDatabase = (databaseUrl: string): TypeOrmModuleOptions =>
  durable({ ...dataSourceOptions(databaseUrl), migrationsRun: true });

/** As durable as the module: SQLite flushes every commit. */
function durable(options: TypeOrmModuleOptions): TypeOrmModuleOptions {
  if (options.type !== 'better-sqlite3') return { ...options, retryAttempts: 0 };
  return {
    ...options,
    retryAttempts: 0,
    prepareDatabase: (database: { pragma(text: string): unknown }) => {
      database.pragma('synchronous = FULL');
    },
  };
}
