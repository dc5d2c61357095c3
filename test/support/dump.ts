import { existsSync, readFileSync } from 'node:fs';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { TWILIO_WHATSAPP_ENTITIES } from '../../src/index.js';

/** Every row of every table of the module, as JSON. */
export async function tablesOf(options: DataSourceOptions): Promise<Record<string, object[]>> {
  const dataSource = await new DataSource(options).initialize();
  try {
    const tables: Record<string, object[]> = {};
    for (const { tableName } of dataSource.entityMetadatas) {
      tables[tableName] = await dataSource.query(`SELECT * FROM ${tableName}`);
    }
    if (Object.keys(tables).length !== TWILIO_WHATSAPP_ENTITIES.length) {
      throw new Error('A table is missing in the dump.');
    }
    return tables;
  } finally {
    await dataSource.destroy();
  }
}

/** The bytes of SQLite's file and of its write-ahead log; empty for other databases. */
export function filesOf({ type, database }: DataSourceOptions): string {
  if (type !== 'better-sqlite3') return '';
  return ['', '-wal']
    .map((suffix) => `${database}${suffix}`)
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'latin1'))
    .join('\n');
}

/** How often a text occurs in another. */
export const occurrences = (haystack: string, needle: string): number =>
  haystack.split(needle).length - 1;
