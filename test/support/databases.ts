import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { dataSourceOptions } from '../../src/app/data-source.js';

/** A database of its own for one suite. */
export interface TestDatabase {
  readonly url: string;
  readonly options: DataSourceOptions;
  /** Takes the database away again. */
  drop(): Promise<void>;
}

/** The databases that a suite runs on; those whose variable is not set are skipped. */
export const DATABASES = [
  { name: 'SQLite', url: 'sqlite' },
  { name: 'PostgreSQL', url: process.env.TEST_POSTGRES_URL },
  { name: 'MariaDB', url: process.env.TEST_MYSQL_URL },
] as const;

/** `describe`, or its skipped form when the database is not there. */
export const describeOn = (url: string | undefined): jest.Describe =>
  url === undefined ? describe.skip : describe;

/** Makes an empty database: a file for SQLite, a new database on the server otherwise. */
export async function createDatabase(url: string): Promise<TestDatabase> {
  if (url === 'sqlite') {
    const folder = mkdtempSync(join(tmpdir(), 'twilio-whatsapp-'));
    const fileUrl = `sqlite://${join(folder, 'test.sqlite')}`;
    return {
      url: fileUrl,
      options: dataSourceOptions(fileUrl),
      drop: async () => rmSync(folder, { recursive: true }),
    };
  }
  const name = `twilio_whatsapp_test_${randomBytes(6).toString('hex')}`;
  const statement = async (sql: string) => {
    const server = await new DataSource(dataSourceOptions(url)).initialize();
    await server.query(sql);
    await server.destroy();
  };
  await statement(`CREATE DATABASE ${name}`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  return {
    url: own.href,
    options: dataSourceOptions(own.href),
    drop: () => statement(`DROP DATABASE ${name}`),
  };
}
