import { Injectable, type OnModuleInit } from '@nestjs/common';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { newId } from '../database/time-ordered-id.js';
import { GroupCommit } from '../database/group-commit.js';
import { CredentialsCipher } from '../providers/credentials-cipher.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { SpoolOptions, TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';

/** What of a file could be read; without texts, another process was faster to remove it. */
export interface SpooledFile {
  readonly name: string;
  readonly texts: readonly string[];
  /** Whether something in it was damaged. */
  readonly isDamaged: boolean;
}

/** The spool is full, or its directory does not take any more. */
export class SpoolError extends Error {
  override readonly name = 'SpoolError';
}

const SPOOLED = '.spool';
const UNFINISHED = '.tmp';
const QUARANTINED = '.corrupt';
const OWNER_ONLY = { file: 0o600, directory: 0o700 };
/** Nobody writes on a file for so long: whoever began it has died. */
const ABANDONED_MS = 60_000;
/** Where the texts are sealed to. */
const PLACE = 'spool';

/**
 * Keeps texts in files while the database cannot: durable when {@link add} resolves, sealed as secrets are, all that are
 * in flight in one file. Several processes may share a directory.
 */
@Injectable()
export class CallbackSpool implements OnModuleInit {
  private readonly options?: SpoolOptions;
  // A disk that fails one of them fails all.
  private readonly writes = new GroupCommit((texts: string[]) => this.write(texts), {
    isPoison: () => false,
  });
  private files = 0;
  private bytes = 0;

  constructor(
    @InjectWhatsappOptions() { spool }: TwilioWhatsappOptions,
    private readonly cipher: CredentialsCipher,
  ) {
    this.options = spool;
  }

  get isOn(): boolean {
    return this.options !== undefined;
  }

  get directory(): string {
    if (!this.options) throw new SpoolError('There is no spool.');
    return this.options.directory;
  }

  /** @throws Error when the directory cannot be made or written to */
  async onModuleInit(): Promise<void> {
    if (!this.isOn) return;
    try {
      await mkdir(this.directory, { recursive: true, mode: OWNER_ONLY.directory });
      const probe = join(this.directory, `${newId()}${UNFINISHED}`);
      await (await open(probe, 'wx', OWNER_ONLY.file)).close();
      await rm(probe);
    } catch (error) {
      throw new Error(
        `The spool's directory ${this.directory} cannot be written to. Choose another, or leave the spool out.`,
        { cause: error },
      );
    }
    await this.list();
  }

  /** Keeps a text; resolves when it would survive a power loss. @throws SpoolError when it cannot be kept */
  async add(text: string): Promise<void> {
    await this.writes.add(text);
  }

  /** The names of the files to replay, oldest first. Also learns how full the spool is. */
  async list(): Promise<string[]> {
    const names = await readdir(this.directory);
    const sizes = await Promise.all(names.map((name) => this.sizeOf(name)));
    this.files = names.length;
    this.bytes = sizes.reduce((sum, size) => sum + size, 0);
    return names.filter((name) => name.endsWith(SPOOLED)).toSorted();
  }

  async read(name: string): Promise<SpooledFile> {
    const content = await readFile(this.pathOf(name), 'utf8').catch(absentAs(''));
    const texts: string[] = [];
    let isDamaged = false;
    for (const line of content.split('\n').filter(Boolean)) {
      try {
        texts.push(this.cipher.open(line, PLACE));
      } catch {
        // It says so; what else the file holds is still good.
        isDamaged = true;
      }
    }
    return { name, texts, isDamaged };
  }

  /** Removes a file whose texts are stored elsewhere now. */
  async remove(name: string): Promise<void> {
    await rm(this.pathOf(name), { force: true });
  }

  /** Puts a file aside for somebody to look at. It goes on counting against the limits. @returns its path */
  async quarantine(name: string): Promise<string> {
    const path = this.pathOf(name.replace(SPOOLED, QUARANTINED));
    await rename(this.pathOf(name), path).catch(absentAs(undefined));
    return path;
  }

  private async write(texts: readonly string[]): Promise<void[]> {
    const content = texts.map((text) => `${this.cipher.seal(text, PLACE)}\n`).join('');
    const { maxFiles, maxBytes } = this.options!;
    if (this.files + 1 > maxFiles || this.bytes + content.length > maxBytes) {
      throw new SpoolError(`The spool is full: ${this.files} files of ${this.bytes} bytes.`);
    }
    const id = newId();
    const unfinished = this.pathOf(id + UNFINISHED);
    try {
      await writeDurably(unfinished, content);
      await rename(unfinished, this.pathOf(id + SPOOLED));
      await syncDirectory(this.directory);
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => undefined);
      throw new SpoolError('The spool cannot be written to.', { cause: error });
    }
    this.files++;
    this.bytes += content.length;
    return texts.map(() => undefined);
  }

  /** Bytes of a file; what somebody left unfinished when he died goes. */
  private async sizeOf(name: string): Promise<number> {
    const found = await stat(this.pathOf(name)).catch(absentAs(undefined));
    if (!found) return 0;
    if (name.endsWith(UNFINISHED) && found.mtimeMs < Date.now() - ABANDONED_MS) {
      await this.remove(name);
      return 0;
    }
    return found.size;
  }

  private pathOf(name: string): string {
    return join(this.directory, name);
  }
}

async function writeDurably(path: string, content: string): Promise<void> {
  const file = await open(path, 'wx', OWNER_ONLY.file);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A file's name survives a power loss only when its directory is flushed, too. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** What a missing file counts as: another process may have been faster. */
const absentAs =
  <T>(value: T) =>
  (error: unknown): T => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return value;
    throw error;
  };
