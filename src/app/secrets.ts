import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isEncryptionKey } from '../providers/encryption-key.validator.js';
import { sqliteFile } from './data-source.js';
import type { Environment } from './environment.js';
import { tightenFile, writePrivateFile } from './private-files.js';

/** What the backend needs and a newcomer does not have yet. */
export interface Secrets {
  readonly apiKey: string;
  readonly apiSecret: string;
  readonly encryptionKeys: readonly string[];
  /** Where those that were missing are kept; absent when all came from the environment. */
  readonly file?: string;
  /** What is to be said about that file. */
  readonly warning?: string;
}

interface StoredSecrets {
  API_KEY: string;
  API_SECRET: string;
  ENCRYPTION_KEYS: string[];
}

/** Secrets cannot be read from their file, or made; the message names the file, the cause and the fix. */
export class SecretsFileError extends Error {
  override readonly name = 'SecretsFileError';

  constructor(file: string, cause: string, fix = RESTORE) {
    super(`${file} ${cause}.\n${fix}`);
  }
}

const FILE_NAME = 'twilio-whatsapp.secrets.json';
const RESTORE =
  'Restore it from a backup: without its ENCRYPTION_KEYS the stored tokens cannot be read. Only if the database is new, remove the file: the next start makes other secrets. Or set API_KEY, API_SECRET and ENCRYPTION_KEYS in the environment.';
const ALLOW =
  'Give the user of this process the right to use it. Or set API_KEY, API_SECRET and ENCRYPTION_KEYS in the environment.';

const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';

/** What each of the stored secrets has to be. */
const FORMS: Record<keyof StoredSecrets, { form: string; fits: (value: unknown) => boolean }> = {
  API_KEY: { form: 'a text', fits: isText },
  API_SECRET: { form: 'a text', fits: isText },
  ENCRYPTION_KEYS: {
    form: 'a list of keys of 32 bytes in base64',
    fits: (value) => Array.isArray(value) && value.length > 0 && value.every(isEncryptionKey),
  },
};

/**
 * The secrets of the environment. Outside production, those that are missing are made once and kept beside the
 * database file, readable by their owner only.
 *
 * @throws SecretsFileError when there is such a file and it cannot be used, or it cannot be made
 */
export function secretsOf(environment: Environment): Secrets {
  const { API_KEY, API_SECRET, ENCRYPTION_KEYS } = environment;
  if (API_KEY && API_SECRET && ENCRYPTION_KEYS) {
    return { apiKey: API_KEY, apiSecret: API_SECRET, encryptionKeys: ENCRYPTION_KEYS };
  }
  const file = join(dataFolder(environment), FILE_NAME);
  const stored = read(file) ?? make(file);
  return {
    apiKey: API_KEY ?? stored.API_KEY,
    apiSecret: API_SECRET ?? stored.API_SECRET,
    encryptionKeys: ENCRYPTION_KEYS ?? stored.ENCRYPTION_KEYS,
    file,
    warning: tightenFile(file),
  };
}

/** Where the backend keeps files of its own: beside the database file, where there is one. */
export function dataFolder({ DATABASE_URL }: Environment): string {
  const database = sqliteFile(DATABASE_URL);
  return database ? dirname(database) : 'data';
}

function make(file: string): StoredSecrets {
  const made: StoredSecrets = {
    API_KEY: randomBytes(16).toString('hex'),
    API_SECRET: randomBytes(32).toString('hex'),
    ENCRYPTION_KEYS: [randomBytes(32).toString('base64')],
  };
  try {
    if (writePrivateFile(file, `${JSON.stringify(made, null, 2)}\n`)) return made;
  } catch (error) {
    throw new SecretsFileError(file, `cannot be written (${codeOf(error)})`, ALLOW);
  }
  // Another process was first: its secrets are the ones.
  const stored = read(file);
  if (!stored) throw new SecretsFileError(file, 'leads nowhere: it is a link to what is gone');
  return stored;
}

/** @returns what is stored; undefined when there is no such file */
function read(file: string): StoredSecrets | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return undefined;
    if (code === 'EISDIR') throw new SecretsFileError(file, 'is a directory, not a file');
    throw new SecretsFileError(file, `cannot be read (${code})`, ALLOW);
  }
  const stored = parse(file, text);
  const wrong = (Object.keys(FORMS) as (keyof StoredSecrets)[])
    .filter((key) => !FORMS[key].fits(stored[key]))
    .map((key) => `${key} is not ${FORMS[key].form}`);
  if (wrong.length > 0) throw new SecretsFileError(file, `is not usable: ${wrong.join(', ')}`);
  return stored as StoredSecrets;
}

function parse(file: string, text: string): Partial<StoredSecrets> {
  if (text.trim() === '') throw new SecretsFileError(file, 'is empty');
  try {
    return Object(JSON.parse(text)) as Partial<StoredSecrets>;
  } catch {
    // What is said of the syntax quotes what is secret.
    throw new SecretsFileError(file, 'is not JSON');
  }
}

const codeOf = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code ?? (error as Error).name;
