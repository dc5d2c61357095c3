import type { TypeOrmModuleOptions } from '@nestjs/typeorm';
import { dataSourceOptions } from '#library/app/data-source.js';
import { UsualEvent, UsualMessage } from './usual.entities.js';

/** The same database under the usual design, as durable: SQLite flushes every commit. */
export function usualDatabase(databaseUrl: string): TypeOrmModuleOptions {
  const options = {
    ...dataSourceOptions(databaseUrl),
    entities: [UsualMessage, UsualEvent],
    migrations: [],
    synchronize: true,
    retryAttempts: 0,
  };
  if (options.type !== 'better-sqlite3') return options;
  return {
    ...options,
    prepareDatabase: (database: { pragma(text: string): unknown }) => {
      database.pragma('synchronous = FULL');
    },
  };
}
