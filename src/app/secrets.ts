import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { sqliteFile } from './data-source.js';
import type { Environment } from './environment.js';

/** What the backend needs and a newcomer does not have yet. */
export interface Secrets {
  readonly apiKey: string;
  readonly apiSecret: string;
  readonly encryptionKeys: readonly string[];
  /** Where those that were missing are kept; absent when all came from the environment. */
  readonly file?: string;
}

interface StoredSecrets {
  API_KEY: string;
  API_SECRET: string;
  ENCRYPTION_KEYS: string[];
}

const FILE_NAME = 'twilio-whatsapp.secrets.json';
const OWNER_ONLY = 0o600;

/**
 * The secrets of the environment. Outside production, those that are missing are made once and kept beside the
 * database file, readable by their owner only.
 */
export function secretsOf(environment: Environment): Secrets {
  const { API_KEY, API_SECRET, ENCRYPTION_KEYS } = environment;
  if (API_KEY && API_SECRET && ENCRYPTION_KEYS) {
    return { apiKey: API_KEY, apiSecret: API_SECRET, encryptionKeys: ENCRYPTION_KEYS };
  }
  const file = join(dataFolder(environment), FILE_NAME);
  const stored = readOrMake(file);
  return {
    apiKey: API_KEY ?? stored.API_KEY,
    apiSecret: API_SECRET ?? stored.API_SECRET,
    encryptionKeys: ENCRYPTION_KEYS ?? stored.ENCRYPTION_KEYS,
    file,
  };
}

/** Where the backend keeps files of its own: beside the database file, where there is one. */
export function dataFolder({ DATABASE_URL }: Environment): string {
  const database = sqliteFile(DATABASE_URL);
  return database ? dirname(database) : 'data';
}

function readOrMake(file: string): StoredSecrets {
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as StoredSecrets;
  const made: StoredSecrets = {
    API_KEY: randomBytes(16).toString('hex'),
    API_SECRET: randomBytes(32).toString('hex'),
    ENCRYPTION_KEYS: [randomBytes(32).toString('base64')],
  };
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(made, null, 2)}\n`, { mode: OWNER_ONLY, flag: 'wx' });
  return made;
}
