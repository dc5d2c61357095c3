import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CredentialsCipher } from '../providers/credentials-cipher.js';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { CallbackSpool, type SpooledEntry } from './callback-spool.js';
import { SpoolError } from './spool-usage.js';

const KEY = Buffer.alloc(32, 7).toString('base64');

describe('CallbackSpool', () => {
  let directory: string;

  beforeEach(() => {
    directory = join(mkdtempSync(join(tmpdir(), 'spool-')), 'made', 'for', 'us');
  });
  afterEach(() => rmSync(join(directory, '../../..'), { recursive: true }));

  async function spoolOf({ maxFiles = 100, maxBytes = 1e6, key = KEY } = {}) {
    const spool = new CallbackSpool(
      { spool: { directory, maxFiles, maxBytes } } as TwilioWhatsappOptions,
      new CredentialsCipher({ encryptionKeys: [key] }),
    );
    await spool.onModuleInit();
    return spool;
  }
  const textsOf = async (spool: CallbackSpool) => {
    const texts: string[] = [];
    for (const name of await spool.list()) {
      for (const entry of (await spool.read(name)) ?? []) texts.push(opened(entry));
    }
    return texts;
  };
  const opened = (entry: SpooledEntry) => ('text' in entry ? entry.text : entry.problem);
  const files = () => readdirSync(directory);

  it('keeps texts, oldest first, for whoever comes later', async () => {
    const spool = await spoolOf();
    for (const text of ['one', 'two', 'three\nlines\n', '']) await spool.add(text);
    expect(await textsOf(await spoolOf())).toEqual(['one', 'two', 'three\nlines\n', '']);
  });

  it('keeps what comes at once in one file', async () => {
    const spool = await spoolOf();
    const texts = Array.from({ length: 400 }, (_, index) => `text ${index}`);
    await Promise.all(texts.map((text) => spool.add(text)));
    expect(files()).toHaveLength(1);
    expect(await textsOf(spool)).toEqual(texts);
  });

  it('shows nobody what it keeps', async () => {
    const spool = await spoolOf();
    await spool.add('To=whatsapp:+447700900100');
    const [name] = files();
    expect(readFileSync(join(directory, name), 'utf8')).not.toContain('447700900100');
    expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
  });

  it('forgets what is removed, also what another process was faster to remove', async () => {
    const [spool, other] = [await spoolOf(), await spoolOf()];
    await spool.add('text');
    const [name] = await other.list();
    await spool.remove(name);
    await other.remove(name);
    expect(await other.read(name)).toBeUndefined();
    await other.quarantine(name);
    expect(files()).toEqual([]);
  });

  it('is shared by several processes', async () => {
    const spools = await Promise.all([spoolOf(), spoolOf(), spoolOf()]);
    const texts = Array.from({ length: 90 }, (_, index) => `text ${index}`);
    await Promise.all(
      texts.map(async (text, index) => {
        await new Promise((resolve) => setImmediate(resolve));
        await spools[index % 3].add(text);
      }),
    );
    expect((await textsOf(spools[0])).toSorted()).toEqual(texts.toSorted());
  });

  it('tells what is damaged, and gives back the rest', async () => {
    const spool = await spoolOf();
    await Promise.all(['one', 'two', 'three'].map((text) => spool.add(text)));
    const [name] = files();
    const path = join(directory, name);
    const [first, second, third] = readFileSync(path, 'utf8').split('\n');
    const flipped = second.slice(0, -3) + (second.at(-3) === 'A' ? 'B' : 'A') + second.slice(-2);
    writeFileSync(path, [first, flipped, 'garbage', third.slice(0, 40)].join('\n'));
    const entries = (await spool.read(name))!;
    expect(entries.map(opened)).toEqual(['one', 'damaged', 'damaged', 'damaged']);
    await spool.quarantine(name, [entries[2].line]);
    const quarantined = name.replace('.spool', '.corrupt');
    expect(files()).toEqual([quarantined]);
    expect(readFileSync(join(directory, quarantined), 'utf8')).toBe('garbage\n');
    expect(await spool.list()).toEqual([]);
  });

  it('leaves in a file what is not stored yet', async () => {
    const spool = await spoolOf();
    await Promise.all(['one', 'two', 'three'].map((text) => spool.add(text)));
    const [name] = files();
    const [, { line }] = (await spool.read(name))!;
    await spool.shrink(name, [line]);
    expect(files()).toEqual([name]);
    expect(await textsOf(spool)).toEqual(['two']);
  });

  it('tells what was sealed with a key that is gone from what is damaged', async () => {
    await (await spoolOf()).add('text');
    const other = await spoolOf({ key: Buffer.alloc(32, 8).toString('base64') });
    expect(await textsOf(other)).toEqual(['keyMissing']);
    expect(await textsOf(await spoolOf())).toEqual(['text']);
  });

  it('reads neither directories nor pipes, and counts what else may lie there', async () => {
    const spool = await spoolOf();
    mkdirSync(join(directory, 'directory.spool'));
    execFileSync('mkfifo', [join(directory, 'pipe.spool')]);
    symlinkSync('loop.spool', join(directory, 'loop.spool'));
    const names = ['directory.spool', 'loop.spool', 'pipe.spool'];
    expect(await spool.list()).toEqual(names);
    for (const name of names) await expect(spool.read(name)).rejects.toThrow(/no file|ELOOP/);
    await expect(spool.add('text')).resolves.toBeUndefined();
    await spool.quarantine('directory.spool');
    expect(await spool.list()).not.toContain('directory.spool');
  });

  it('leaves what cannot be verified a sixteenth of its files, across processes', async () => {
    const spool = await spoolOf({ maxFiles: 32 });
    const refused = async (text: string) =>
      expect((await spoolOf({ maxFiles: 32 })).add(text, 'unverified')).rejects.toThrow('share');
    await spool.add('one', 'unverified');
    await spool.add('two', 'unverified');
    await refused('three');
    await spool.quarantine((await spool.list())[0]);
    await refused('three');
    for (let count = 0; count < 30; count++) await spool.add('signed');
    await expect(spool.add('signed')).rejects.toThrow('full');
    expect(await textsOf(spool)).toEqual(['two', ...Array.from({ length: 30 }, () => 'signed')]);
  });

  it('leaves what cannot be verified a sixteenth of its bytes, however much comes at once', async () => {
    const spool = await spoolOf({ maxBytes: 160_000 });
    const listing = setInterval(() => void spool.list(), 1);
    const results = await Promise.allSettled(
      Array.from({ length: 3000 }, () => spool.add('x'.repeat(100), 'unverified')),
    );
    clearInterval(listing);
    const bytes = files().reduce((total, name) => total + statSync(join(directory, name)).size, 0);
    expect(bytes).toBeLessThanOrEqual(10_000);
    expect(bytes).toBeGreaterThan(9_000);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(
      (await textsOf(spool)).length,
    );
    await expect(spool.add('y'.repeat(50_000))).resolves.toBeUndefined();
  });

  it('takes no more files than it may, and goes on when there is room again', async () => {
    const spool = await spoolOf({ maxFiles: 2 });
    await spool.add('one');
    await spool.add('two');
    await expect(spool.add('three')).rejects.toThrow(SpoolError);
    const [first] = await spool.list();
    await spool.remove(first);
    await expect((await spoolOf({ maxFiles: 2 })).add('three')).resolves.toBeUndefined();
    expect(await spool.list()).toHaveLength(2);
    await expect(spool.add('four')).rejects.toThrow('full');
  });

  it('takes no more bytes than it may, what was put aside among them', async () => {
    const spool = await spoolOf({ maxBytes: 2000 });
    await spool.add('x'.repeat(1000));
    await spool.quarantine(files()[0]);
    await spool.list();
    await expect(spool.add('x'.repeat(1000))).rejects.toThrow('full');
    await expect(spool.add('x')).resolves.toBeUndefined();
  });

  it('clears away what a process left unfinished when it died, and leaves what is being written', async () => {
    const spool = await spoolOf();
    const [old, young] = ['old.tmp', 'young.tmp'].map((name) => join(directory, name));
    for (const path of [old, young]) writeFileSync(path, 'x');
    utimesSync(old, 0, 0);
    expect(await spool.list()).toEqual([]);
    expect(files()).toEqual(['young.tmp']);
  });

  it('fails all that were in flight when the disk fails, and leaves nothing half done', async () => {
    const spool = await spoolOf();
    rmSync(directory, { recursive: true });
    const results = await Promise.allSettled(['one', 'two'].map((text) => spool.add(text)));
    expect(results).toMatchObject([
      { status: 'rejected', reason: expect.any(SpoolError) },
      { status: 'rejected', reason: expect.any(SpoolError) },
    ]);
  });

  it('does not start where it cannot write', async () => {
    writeFileSync(join(directory, '../../..', 'made'), '');
    await expect(spoolOf()).rejects.toThrow(directory);
  });
});
