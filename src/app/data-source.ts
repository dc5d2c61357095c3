import type { DataSourceOptions } from 'typeorm';
import { TWILIO_WHATSAPP_ENTITIES } from '../twilio-whatsapp.entities.js';
import { TWILIO_WHATSAPP_MIGRATIONS } from '../database/migrations/index.js';

const IN_MEMORY = ':memory:';
/** How long to wait for a connection. */
const CONNECT_MS = 5000;

/** The data source that a `DATABASE_URL` describes. */
export function dataSourceOptions(databaseUrl: string): DataSourceOptions {
  const common = { entities: TWILIO_WHATSAPP_ENTITIES, migrations: TWILIO_WHATSAPP_MIGRATIONS };
  const scheme = databaseUrl.slice(0, databaseUrl.indexOf(':'));
  switch (scheme) {
    case 'postgres':
    case 'postgresql':
      return {
        ...common,
        type: 'postgres',
        url: databaseUrl,
        extra: {
          // A backend that stands still, or is cut off, must not hold its rows for hours.
          idle_in_transaction_session_timeout: 10_000,
          // Nor wait for a lock after the caller has given up: the server would not notice that.
          lock_timeout: 8000,
          // A database that is gone without a word must not keep the backend waiting for it.
          keepAlive: true,
          keepAliveInitialDelayMillis: 10_000,
          connectionTimeoutMillis: CONNECT_MS,
        },
      };
    case 'mysql':
    case 'mariadb':
      return { ...common, type: scheme, url: databaseUrl, connectTimeout: CONNECT_MS };
    default: {
      const file = sqliteFile(databaseUrl);
      return {
        ...common,
        type: 'better-sqlite3',
        database: file ?? IN_MEMORY,
        enableWAL: file !== undefined,
      };
    }
  }
}

/** The file of a `sqlite://` URL; undefined for other databases and for one in memory. */
export function sqliteFile(databaseUrl: string): string | undefined {
  const path = /^sqlite:\/\/(.+)$/.exec(databaseUrl)?.[1];
  return path === IN_MEMORY ? undefined : path;
}
