import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CredentialsCipher } from '../providers/credentials-cipher.js';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { CallbackSpool, SpoolError } from './callback-spool.js';

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
    for (const name of await spool.list()) texts.push(...(await spool.read(name)).texts);
    return texts;
  };
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
    expect(await other.read(name)).toEqual({ name, texts: [], isDamaged: false });
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
    expect(await spool.read(name)).toEqual({ name, texts: ['one'], isDamaged: true });
    await spool.quarantine(name);
    expect(files()).toEqual([name.replace('.spool', '.corrupt')]);
    expect(await spool.list()).toEqual([]);
  });

  it('does not open what was sealed with a key that is gone', async () => {
    await (await spoolOf()).add('text');
    const other = await spoolOf({ key: Buffer.alloc(32, 8).toString('base64') });
    const [name] = await other.list();
    expect(await other.read(name)).toMatchObject({ texts: [], isDamaged: true });
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
