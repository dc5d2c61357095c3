import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEnvironment } from './environment.js';
import { SecretsFileError, secretsOf } from './secrets.js';

const KEY = Buffer.alloc(32, 1).toString('base64');
const GOOD = { API_KEY: 'geheim-key', API_SECRET: 'geheim-secret', ENCRYPTION_KEYS: [KEY] };

describe('secretsOf', () => {
  let folder: string;
  let file: string;
  const secrets = (variables: NodeJS.ProcessEnv = {}) =>
    secretsOf(
      readEnvironment({
        DATABASE_URL: `sqlite://${join(folder, 'data', 'x.sqlite')}`,
        ...variables,
      }),
    );

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'twilio-whatsapp-'));
    file = join(folder, 'data', 'twilio-whatsapp.secrets.json');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('makes them once, in a folder of their own, and leaves nothing beside them', () => {
    const made = secrets();
    expect(made).toEqual({ ...secrets(), warning: undefined });
    expect(readdirSync(join(folder, 'data'))).toEqual(['twilio-whatsapp.secrets.json']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'data')).mode & 0o777).toBe(0o700);
  });

  it.each([
    ['is empty', ''],
    ['is empty', '\n'],
    ['is not JSON', '{"API_KEY":"geheim-key","API_SECRET":"geheim'],
    ['API_KEY is not a text, API_SECRET is not a text, ENCRYPTION_KEYS is not a list', '{}'],
    ['API_KEY is not a text', 'null'],
    ['API_KEY is not a text', JSON.stringify({ ...GOOD, API_KEY: '' })],
    ['API_SECRET is not a text', JSON.stringify({ ...GOOD, API_SECRET: 1 })],
    ['ENCRYPTION_KEYS is not a list', JSON.stringify({ ...GOOD, ENCRYPTION_KEYS: [] })],
    ['ENCRYPTION_KEYS is not a list', JSON.stringify({ ...GOOD, ENCRYPTION_KEYS: KEY })],
    ['32 bytes', JSON.stringify({ ...GOOD, ENCRYPTION_KEYS: [KEY, KEY.slice(4)] })],
  ])('says that the file %s, what to do, and no secret: %j', (cause, text) => {
    mkdirSync(join(folder, 'data'));
    writeFileSync(file, text, { mode: 0o600 });
    const { message } = failure();
    expect(message).toContain(file);
    expect(message).toContain(cause);
    expect(message).toMatch(/Restore it .*ENCRYPTION_KEYS .* Only if the database is new, remove/);
    expect(message).not.toMatch(/geheim|AQEB/);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it('says why a file cannot be opened', () => {
    mkdirSync(file, { recursive: true });
    expect(failure().message).toContain(`${file} is a directory`);
    rmSync(file, { recursive: true });
    symlinkSync(file, file);
    expect(failure().message).toContain(`${file} cannot be read (ELOOP)`);
    rmSync(file);
    symlinkSync(join(folder, 'gone'), file);
    expect(failure().message).toContain(`${file} leads nowhere`);
    rmSync(file);
    writeFileSync(file, JSON.stringify(GOOD), { mode: 0 });
    expect(asOther(failure).message).toMatch(/cannot be read \(EACCES\).\nGive the user/);
    rmSync(file);
    chmodSync(folder, 0o755);
    chmodSync(join(folder, 'data'), 0o555);
    expect(asOther(failure).message).toMatch(/cannot be written \(EACCES\).\nGive the user/);
  });

  it('takes a file that others could read from them, and says so', () => {
    mkdirSync(join(folder, 'data'));
    writeFileSync(file, JSON.stringify(GOOD));
    chmodSync(file, 0o644);
    const read = secrets();
    expect(read).toMatchObject({ apiKey: 'geheim-key', encryptionKeys: [KEY] });
    expect(read.warning).toContain(`${file} was open to other users of this machine (mode 644)`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(secrets().warning).toBeUndefined();
  });

  function failure(): Error {
    try {
      secrets();
    } catch (error) {
      expect(error).toBeInstanceOf(SecretsFileError);
      return error as Error;
    }
    throw new Error('It did not fail.');
  }

  /** The superuser may read everything, so the test runs as another user for a moment. */
  function asOther<T>(work: () => T): T {
    if (process.getuid!() !== 0) return work();
    chmodSync(folder, 0o755);
    process.seteuid!(65_534);
    try {
      return work();
    } finally {
      process.seteuid!(0);
    }
  }
});
