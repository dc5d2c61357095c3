import { getMetadataStorage } from 'class-validator';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { twilioWhatsappConfig } from '../twilio-whatsapp.config.js';
import { EnvironmentError, ModuleEnvironment } from '../twilio-whatsapp.environment.js';
import { resolveOptions } from '../twilio-whatsapp.resolve-options.js';
import { backendConfig } from './backend.config.js';
import { Environment } from './environment.js';

const KEYS = [1, 2].map((byte) => Buffer.alloc(32, byte).toString('base64'));

/** A text that a variable may have, the option that it sets, and to what, unless that is the text. */
type Row = readonly [text: string, option: string, value?: unknown];

/** Each has a value of its own, which is not the default. */
const MODULE_VARIABLES: Record<string, Row> = {
  PUBLIC_URL: ['https://notify.example.com/x', 'publicUrl'],
  API_KEY: ['an-api-key', 'api.key'],
  API_SECRET: ['an-api-secret', 'api.secret'],
  ENCRYPTION_KEYS: [KEYS.join(', '), 'encryptionKeys', KEYS],
  TWILIO_ACCOUNT_SID: [`AC${'1'.repeat(32)}`, 'provider.TWILIO_ACCOUNT_SID'],
  TWILIO_AUTH_TOKEN: ['not-a-real-token-1', 'provider.TWILIO_AUTH_TOKEN'],
  TWILIO_FROM_NUMBER: ['+14155550101', 'provider.TWILIO_FROM_NUMBER'],
  TWILIO_API_KEY_SID: [`SK${'2'.repeat(32)}`, 'provider.TWILIO_API_KEY_SID'],
  TWILIO_API_KEY_SECRET: ['not-a-real-secret-2', 'provider.TWILIO_API_KEY_SECRET'],
  TWILIO_SECONDARY_AUTH_TOKEN: ['not-a-real-token-3', 'provider.TWILIO_SECONDARY_AUTH_TOKEN'],
  TWILIO_SHARED_KEY: ['not-a-real-shared-key-4', 'provider.TWILIO_SHARED_KEY'],
  TWILIO_API_URL: ['http://127.0.0.1:4010', 'twilioApiUrl'],
  MAX_IN_FLIGHT: ['8', 'delivery.maxInFlight', 8],
  MESSAGES_PER_SECOND: ['9', 'delivery.messagesPerSecond', 9],
  ACCOUNT_MESSAGES_PER_SECOND: ['0', 'delivery.accountMessagesPerSecond', 0],
  AMBIGUOUS_POLICY: ['resend-after-verify', 'delivery.ambiguousPolicy'],
  EXCLUSIVE_ACCOUNTS: ['true', 'delivery.isExclusive', true],
  REDIS_URL: ['redis://127.0.0.1:6380', 'redis'],
  SPOOL_DIRECTORY: ['/var/spool/whatsapp', 'spool.directory'],
  RETENTION_REDACT_AFTER_DAYS: ['30', 'retention.redactAfterDays', 30],
  RETENTION_PURGE_AFTER_DAYS: ['400.5', 'retention.purgeAfterDays', 400.5],
};

const BACKEND_VARIABLES: Record<string, Row> = {
  PORT: ['8080', 'port', 8080],
  HOST: ['10.0.0.1', 'host'],
  DATABASE_URL: ['postgres://db/whatsapp', 'databaseUrl'],
  LOG_LEVEL: ['debug', 'logLevel'],
};

const valueAt = (options: object, path: string): unknown =>
  path
    .split('.')
    .reduce<unknown>(
      (value, key) => (value as Record<string, unknown> | undefined)?.[key],
      options,
    );

/** The variables that a class reads, but for the one that only says how the others are taken. */
const variablesOf = (environment: new () => ModuleEnvironment): string[] =>
  [
    ...new Set(
      getMetadataStorage()
        .getTargetValidationMetadatas(environment, '', false, false)
        .map(({ propertyName }) => propertyName),
    ),
  ].filter((name) => name !== 'NODE_ENV');

const textsOf = (rows: Record<string, Row>) =>
  Object.fromEntries(Object.entries(rows).map(([name, [text]]) => [name, text]));

const rowsOf = (rows: Record<string, Row>) =>
  Object.entries(rows).map(
    ([name, [text, option, value = text]]) => [name, option, value] as const,
  );

describe('the environment', () => {
  const before = { ...process.env };
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'twilio-whatsapp-'));
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, textsOf(MODULE_VARIABLES));
  });
  afterEach(() => {
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, before);
    rmSync(folder, { recursive: true });
  });

  it('has a row below for every variable that is read', () => {
    const all = Object.keys({ ...MODULE_VARIABLES, ...BACKEND_VARIABLES });
    expect(variablesOf(ModuleEnvironment).toSorted()).toEqual(
      Object.keys(MODULE_VARIABLES).toSorted(),
    );
    expect(variablesOf(Environment).toSorted()).toEqual(all.toSorted());
  });

  it('has every variable in the README', () => {
    const readme = readFileSync('README.md', 'utf8');
    const names = Object.keys({ ...MODULE_VARIABLES, ...BACKEND_VARIABLES });
    expect(names.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
  });

  it.each(rowsOf(MODULE_VARIABLES))('%s reaches %s of a host', (_name, option, value) => {
    const options = twilioWhatsappConfig();
    expect(valueAt(options, option)).toEqual(value);
    // The validated options are what the module goes by.
    expect(valueAt(resolveOptions(options, { controllers: true }), option)).toEqual(value);
  });

  it.each(rowsOf(MODULE_VARIABLES))('%s reaches %s of the backend', (_name, option, value) => {
    expect(valueAt(backendConfig().whatsapp, option)).toEqual(value);
  });

  it.each(rowsOf(BACKEND_VARIABLES))('%s reaches %s of the backend', (_name, option, value) => {
    Object.assign(process.env, textsOf(BACKEND_VARIABLES));
    expect(valueAt(backendConfig(), option)).toEqual(value);
  });

  it('leaves the defaults of a host to the module', () => {
    for (const name of Object.keys(MODULE_VARIABLES)) delete process.env[name];
    Object.assign(process.env, { PUBLIC_URL: 'https://x.example.com', ENCRYPTION_KEYS: KEYS[0] });
    const given = { publicUrl: 'https://x.example.com', encryptionKeys: [KEYS[0]] };
    const api = { guards: [{ canActivate: () => true }] };
    expect(resolveOptions({ ...twilioWhatsappConfig(), api }, { controllers: true })).toEqual({
      ...resolveOptions({ ...given, api }, { controllers: true }),
      twilioApiUrl: 'https://api.twilio.com',
    });
  });

  it.each(['none', undefined])('keeps no spool for a host with SPOOL_DIRECTORY %s', (directory) => {
    if (directory) process.env.SPOOL_DIRECTORY = directory;
    else delete process.env.SPOOL_DIRECTORY;
    expect(twilioWhatsappConfig().spool).toBeUndefined();
  });

  it('keeps the spool of the backend beside its database, unless it is told where', () => {
    process.env.DATABASE_URL = `sqlite://${join(folder, 'x.sqlite')}`;
    delete process.env.SPOOL_DIRECTORY;
    expect(backendConfig().whatsapp.spool).toEqual({ directory: join(folder, 'spool') });
    process.env.SPOOL_DIRECTORY = 'none';
    expect(backendConfig().whatsapp.spool).toBeUndefined();
  });

  it('names every variable that is wrong to a host, as to the backend', () => {
    Object.assign(process.env, {
      MAX_IN_FLIGHT: '0',
      REDIS_URL: 'localhost',
      EXCLUSIVE_ACCOUNTS: 'yes',
    });
    for (const read of [twilioWhatsappConfig, backendConfig]) {
      expect(read).toThrow(EnvironmentError);
      for (const name of ['MAX_IN_FLIGHT', 'REDIS_URL', 'EXCLUSIVE_ACCOUNTS']) {
        expect(read).toThrow(`${name} must be`);
      }
    }
  });
});
