import {
  EnvironmentError,
  ModuleEnvironment,
  readVariables,
} from '../twilio-whatsapp.environment.js';
import { readEnvironment } from './environment.js';

const KEY = Buffer.alloc(32).toString('base64');
const PRODUCTION = { NODE_ENV: 'production', API_KEY: 'k', API_SECRET: 's', ENCRYPTION_KEYS: KEY };

describe('readEnvironment', () => {
  it('has a default for everything outside production', () => {
    expect(readEnvironment({})).toMatchObject({
      PORT: 3000,
      publicUrl: 'http://localhost:3000',
      DATABASE_URL: 'sqlite://./data/twilio-whatsapp.sqlite',
      TWILIO_API_URL: 'https://api.twilio.com',
      LOG_LEVEL: 'log',
    });
  });

  it('listens for this machine only, outside production', () => {
    expect(readEnvironment({}).host).toBe('127.0.0.1');
    expect(readEnvironment(PRODUCTION).host).toBe('0.0.0.0');
    for (const given of [{}, PRODUCTION]) {
      expect(readEnvironment({ ...given, HOST: '10.0.0.1' }).host).toBe('10.0.0.1');
    }
  });

  it('reads numbers and lists', () => {
    const environment = readEnvironment({
      PORT: '8080',
      MAX_IN_FLIGHT: '8',
      ACCOUNT_MESSAGES_PER_SECOND: '0',
      EXCLUSIVE_ACCOUNTS: 'true',
      RETENTION_REDACT_AFTER_DAYS: '30',
      RETENTION_PURGE_AFTER_DAYS: '0.5',
      ENCRYPTION_KEYS: `${KEY}, ${KEY}`,
      HOME: '/x',
    });
    expect(environment).toMatchObject({
      PORT: 8080,
      MAX_IN_FLIGHT: 8,
      ACCOUNT_MESSAGES_PER_SECOND: 0,
      EXCLUSIVE_ACCOUNTS: true,
      ENCRYPTION_KEYS: [KEY, KEY],
      RETENTION_REDACT_AFTER_DAYS: 30,
      RETENTION_PURGE_AFTER_DAYS: 0.5,
    });
  });

  it('takes empty variables for absent', () => {
    expect(readEnvironment({ PORT: '', TWILIO_ACCOUNT_SID: '' }).PORT).toBe(3000);
  });

  it.each([
    ['PORT', { PORT: 'http' }],
    ['MAX_IN_FLIGHT', { MAX_IN_FLIGHT: '0' }],
    ['MESSAGES_PER_SECOND', { MESSAGES_PER_SECOND: 'many' }],
    ['ACCOUNT_MESSAGES_PER_SECOND', { ACCOUNT_MESSAGES_PER_SECOND: '-1' }],
    ['AMBIGUOUS_POLICY', { AMBIGUOUS_POLICY: 'hope' }],
    ['EXCLUSIVE_ACCOUNTS', { EXCLUSIVE_ACCOUNTS: 'yes' }],
    ['REDIS_URL', { REDIS_URL: 'localhost' }],
    ['PORT', { PORT: '70000' }],
    ['PUBLIC_URL', { PUBLIC_URL: 'notify.example.com' }],
    ['PUBLIC_URL', { PUBLIC_URL: 'https://notify_me.example.com' }],
    ['PUBLIC_URL', { PUBLIC_URL: 'https://notify.example.com/?x=1' }],
    ['DATABASE_URL', { DATABASE_URL: 'oracle://x' }],
    ['ENCRYPTION_KEYS', { ENCRYPTION_KEYS: 'short' }],
    ['RETENTION_REDACT_AFTER_DAYS', { RETENTION_REDACT_AFTER_DAYS: '30d' }],
    ['RETENTION_PURGE_AFTER_DAYS', { RETENTION_PURGE_AFTER_DAYS: '0' }],
    ['LOG_LEVEL', { LOG_LEVEL: 'loud' }],
    [
      'TWILIO_AUTH_TOKEN',
      { TWILIO_ACCOUNT_SID: `AC${'0'.repeat(32)}`, TWILIO_FROM_NUMBER: '+14155238886' },
    ],
    ['TWILIO_ACCOUNT_SID', { TWILIO_ACCOUNT_SID: 'AC1' }],
    ['TWILIO_FROM_NUMBER', { TWILIO_FROM_NUMBER: '(457)-746-846' }],
    ['TWILIO_API_URL', { TWILIO_API_URL: 'https://twilio.example.com' }],
    ['TWILIO_API_URL', { ...PRODUCTION, TWILIO_API_URL: 'http://127.0.0.1:4010' }],
    ['API_KEY', { ...PRODUCTION, API_KEY: '' }],
    ['API_SECRET', { ...PRODUCTION, API_SECRET: '' }],
    ['ENCRYPTION_KEYS', { ...PRODUCTION, ENCRYPTION_KEYS: '' }],
  ])('names %s when it is wrong: %j', (variable, variables) => {
    expect(() => readEnvironment(variables)).toThrow(EnvironmentError);
    expect(() => readEnvironment(variables)).toThrow(variable);
  });

  it.each([
    ['TWILIO_AUTHTOKEN', 'TWILIO_AUTHTOKEN is unknown. Did you mean TWILIO_AUTH_TOKEN?'],
    ['ENCRYPTION_KEY', 'ENCRYPTION_KEY is unknown. Did you mean ENCRYPTION_KEYS?'],
    ['MAX_INFLIGHT', 'MAX_INFLIGHT is unknown. Did you mean MAX_IN_FLIGHT?'],
  ])('names %s, which begins like a variable and is none', (variable, problem) => {
    expect(() => readEnvironment({ [variable]: 'x' })).toThrow(problem);
  });

  it('leaves the variables of others alone', () => {
    const others = ['HOME', 'NODE_OPTIONS', 'HOSTNAME', 'REDIS_PORT', 'API_BASE', 'LOG_DIR'];
    const ofTheSdk = ['TWILIO_EDGE', 'TWILIO_REGION', 'TWILIO_LOG_LEVEL'];
    const variables = [...others, ...ofTheSdk].map((name) => [name, 'x']);
    expect(() => readEnvironment(Object.fromEntries(variables))).not.toThrow();
  });

  it('leaves an application the variables that are not Twilio’s', () => {
    const { problems } = readVariables(ModuleEnvironment, {
      API_KEYS: 'x',
      REDIS_URI: 'x',
      TWILIO_VERIFY_SERVICE_SID: 'x',
      TWILIO_FROM_NUMBR: 'x',
    });
    expect(problems).toEqual(['TWILIO_FROM_NUMBR is unknown. Did you mean TWILIO_FROM_NUMBER?']);
  });

  it('takes a loopback Twilio outside production', () => {
    expect(readEnvironment({ TWILIO_API_URL: 'http://127.0.0.1:4010' }).TWILIO_API_URL).toBe(
      'http://127.0.0.1:4010',
    );
  });

  it('shows no secret in an error', () => {
    const secrets = { TWILIO_AUTH_TOKEN: 'geheim', ENCRYPTION_KEYS: 'geheim' };
    expect(() => readEnvironment(secrets)).toThrow(/^(?![^]*geheim)[^]*ENCRYPTION_KEYS/);
  });
});
