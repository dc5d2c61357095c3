import { Injectable, type OnModuleInit } from '@nestjs/common';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { idMaker } from '../database/time-ordered-id.js';
import { GroupCommit } from '../database/group-commit.js';
import { CredentialsCipher, MissingKeyError } from '../providers/credentials-cipher.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { SpoolOptions, TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { OWNER_ONLY, writeDurably } from './durable-file.js';
import { SpoolError, SpoolUsage, sum, type SpoolShare } from './spool-usage.js';

/** One line of a file: sealed, and what is in it unless it cannot be opened. */
export type SpooledEntry =
  | { readonly line: string; readonly text: string }
  | { readonly line: string; readonly problem: 'damaged' | 'keyMissing' };

const SPOOLED = '.spool';
const UNFINISHED = '.tmp';
const QUARANTINED = '.corrupt';
/** In the name of each file whose texts cannot be verified: their share holds across processes. */
const UNVERIFIED = '.unverified';
/** Nobody writes on a file for so long: whoever began it has died. */
const ABANDONED_MS = 60_000;
/** Where the texts are sealed to. */
const PLACE = 'spool';
/** Of a file: the database, whose clock rows go by, may be down. */
const newName = idMaker();

/**
 * Keeps texts in files while the database cannot: durable when {@link add} resolves, sealed as secrets are, all that are
 * in flight in one file. Several processes may share a directory.
 */
@Injectable()
export class CallbackSpool implements OnModuleInit {
  private readonly options?: SpoolOptions;
  private readonly usage: SpoolUsage;
  private readonly writes = {
    verified: this.writer('verified'),
    unverified: this.writer('unverified'),
  };

  constructor(
    @InjectWhatsappOptions() { spool }: TwilioWhatsappOptions,
    private readonly cipher: CredentialsCipher,
  ) {
    this.options = spool;
    this.usage = new SpoolUsage(spool ?? { maxFiles: 0, maxBytes: 0 });
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
      const probe = this.pathOf(newName(Date.now()) + UNFINISHED);
      await (await open(probe, 'wx', OWNER_ONLY.file)).close();
      await rm(probe);
      await this.list();
    } catch (error) {
      throw new Error(
        `The spool's directory ${this.directory} cannot be written to. Choose another, or leave the spool out.`,
        { cause: error },
      );
    }
  }

  /** Keeps a text; resolves when it would survive a power loss. @throws SpoolError when it cannot be kept */
  async add(text: string, share: SpoolShare = 'verified'): Promise<void> {
    const line = this.cipher.seal(text, PLACE);
    await this.within(share, { files: 0, bytes: line.length + 1 }, () =>
      this.writes[share].add(line),
    );
  }

  /**
   * The names of the files to replay, oldest first. Also learns how full the spool is.
   *
   * @throws Error when the directory cannot be read
   */
  async list(): Promise<string[]> {
    this.usage.startMeasuring();
    const names = await readdir(this.directory);
    const sizes = await Promise.all(names.map((name) => this.sizeOf(name)));
    const measured = { verified: { files: 0, bytes: 0 }, unverified: { files: 0, bytes: 0 } };
    for (const [index, name] of names.entries()) {
      const share = name.includes(`${UNVERIFIED}.`) ? 'unverified' : 'verified';
      measured[share] = sum(measured[share], { files: 1, bytes: sizes[index] });
    }
    this.usage.endMeasuring(measured);
    return names.filter((name) => name.endsWith(SPOOLED)).toSorted();
  }

  /**
   * The entries of a file; undefined when another process was faster to remove it.
   *
   * @throws SpoolError when it is no file, such as a directory
   * @throws Error of the file system when it cannot be read
   */
  async read(name: string): Promise<SpooledEntry[] | undefined> {
    // To read a pipe would wait for ever.
    const found = await stat(this.pathOf(name)).catch(absentAs(undefined));
    if (!found) return undefined;
    if (!found.isFile()) throw new SpoolError(`${this.pathOf(name)} is no file.`);
    const content = await readFile(this.pathOf(name), 'utf8').catch(absentAs(undefined));
    return content
      ?.split('\n')
      .filter(Boolean)
      .map((line) => this.open(line));
  }

  /** Removes a file whose texts are stored elsewhere now. */
  async remove(name: string): Promise<void> {
    await rm(this.pathOf(name), { force: true });
  }

  /** Leaves these lines alone in a file. */
  async shrink(name: string, lines: readonly string[]): Promise<void> {
    await this.write(this.pathOf(name), lines);
  }

  /**
   * Puts a file aside for an operator. It counts against the limits.
   *
   * @param lines what of it is put aside; the rest is dropped. Without them, the whole of it
   * @returns the path of what was put aside
   */
  async quarantine(name: string, lines?: readonly string[]): Promise<string> {
    const path = this.pathOf(name.slice(0, -SPOOLED.length) + QUARANTINED);
    if (lines) {
      await this.write(path, lines);
      await this.remove(name);
    } else {
      await rename(this.pathOf(name), path).catch(absentAs(undefined));
    }
    return path;
  }

  private open(line: string): SpooledEntry {
    try {
      return { line, text: this.cipher.open(line, PLACE) };
    } catch (error) {
      return { line, problem: error instanceof MissingKeyError ? 'keyMissing' : 'damaged' };
    }
  }

  private writer(share: SpoolShare): GroupCommit<string, void> {
    const ending = share === 'unverified' ? UNVERIFIED + SPOOLED : SPOOLED;
    // A disk that fails one of them fails all.
    return new GroupCommit<string, void>(
      async (lines) => {
        await this.within(share, { files: 1, bytes: 0 }, () =>
          this.write(this.pathOf(newName(Date.now()) + ending), lines),
        );
        return lines.map(() => undefined);
      },
      { isPoison: () => false },
    );
  }

  /** Writes what there is room for. @throws SpoolError when there is none */
  private async within(
    share: SpoolShare,
    amount: { files: number; bytes: number },
    write: () => Promise<void>,
  ): Promise<void> {
    this.usage.reserve(share, amount);
    let isWritten = false;
    try {
      await write();
      isWritten = true;
    } finally {
      this.usage.settle(share, amount, isWritten);
    }
  }

  private async write(path: string, lines: readonly string[]): Promise<void> {
    const content = lines.map((line) => `${line}\n`).join('');
    try {
      await writeDurably(path, content, this.pathOf(newName(Date.now()) + UNFINISHED));
    } catch (error) {
      throw new SpoolError('The spool cannot be written to.', { cause: error });
    }
  }

  /** Bytes of a file. An unfinished file of a process that has ended is removed; one that cannot be read counts as empty. */
  private async sizeOf(name: string): Promise<number> {
    const found = await stat(this.pathOf(name)).catch(() => undefined);
    if (!found) return 0;
    if (name.endsWith(UNFINISHED) && found.mtimeMs < Date.now() - ABANDONED_MS) {
      await this.remove(name).catch(() => undefined);
    }
    return found.size;
  }

  private pathOf(name: string): string {
    return join(this.directory, name);
  }
}

/** What a missing file counts as: another process may have been faster. */
const absentAs =
  <T>(value: T) =>
  (error: unknown): T => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return value;
    throw error;
  };
