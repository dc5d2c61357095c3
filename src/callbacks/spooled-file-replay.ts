import { HttpException, Injectable } from '@nestjs/common';
import { DatabaseError } from '../database/database-error.js';
import { Database } from '../database/database.js';
import { MissingKeyError } from '../providers/credentials-cipher.js';
import { CallbackRecorder } from './callback-recorder.js';
import { CallbackSpool, type SpooledEntry } from './callback-spool.js';
import { MalformedEntryError, unspooled } from './spooled-callback.js';

/**
 * What came of an entry: `refused` entries never will be stored, `failed` ones may be, `keyMissing` ones by a process
 * that has the key; `untried` ones failed with their neighbours, and there was no time to try them alone.
 */
type EntryResult = 'stored' | 'forged' | 'refused' | 'failed' | 'keyMissing' | 'untried';

/** How long the entries of one file are tried alone. */
const ALONE_MS = 10_000;

/** What came of a file. */
export interface FileResult {
  readonly counts: Readonly<Record<EntryResult, number>>;
  /** The lines that are not stored yet, in order. */
  readonly left: readonly string[];
  /** Why the first of them is not. */
  readonly error?: unknown;
  /** Whether a file was there, and nothing in it. */
  readonly isEmpty: boolean;
}

/** The database is gone again: what is left waits for the next time. */
export class DatabaseGoneError extends Error {
  override readonly name = 'DatabaseGoneError';
}

interface Tried {
  readonly entry: SpooledEntry;
  readonly result: EntryResult;
  readonly error?: unknown;
}

/** Stores the entries of one file of the spool, each on its own merits. */
@Injectable()
export class SpooledFileReplay {
  constructor(
    private readonly spool: CallbackSpool,
    private readonly recorder: CallbackRecorder,
    private readonly database: Database,
  ) {}

  /**
   * Stores what a file holds. An entry that fails among others is tried alone: its neighbours must not fail with it.
   *
   * @param isStopping whether to end with what is under way
   * @throws DatabaseGoneError when the database takes nothing any more
   * @throws Error of the file system when the file cannot be read
   */
  async replay(name: string, isStopping: () => boolean): Promise<FileResult> {
    const entries = await this.spool.read(name);
    const tried = await Promise.all((entries ?? []).map((entry) => this.try(entry)));
    const failed = tried.flatMap(({ result }, index) => (result === 'failed' ? [index] : []));
    const deadline = performance.now() + ALONE_MS;
    for (const index of fromAnywhere(failed)) {
      const { entry, error } = tried[index];
      if (isStopping() || performance.now() > deadline) {
        tried[index] = { entry, error, result: 'untried' };
        continue;
      }
      if (!(await this.isDatabaseUp())) throw new DatabaseGoneError();
      tried[index] = await this.try(entry);
    }
    return { ...resultOf(tried), isEmpty: entries?.length === 0 };
  }

  /** Whether the database answers at all. */
  async isDatabaseUp(): Promise<boolean> {
    try {
      await this.database.query('SELECT 1');
      return true;
    } catch {
      // That is what the spool is for.
      return false;
    }
  }

  private async try(entry: SpooledEntry): Promise<Tried> {
    if ('problem' in entry) {
      const result = entry.problem === 'damaged' ? 'refused' : 'keyMissing';
      return { entry, result, error: new Error(`The entry is ${entry.problem}.`) };
    }
    try {
      await this.recorder.record(unspooled(entry.text));
      return { entry, result: 'stored' };
    } catch (error) {
      return { entry, result: resultFor(error), error };
    }
  }
}

function resultFor(error: unknown): EntryResult {
  if (error instanceof HttpException) return 'forged';
  if (error instanceof MalformedEntryError) return 'refused';
  if (error instanceof MissingKeyError) return 'keyMissing';
  return error instanceof DatabaseError && error.isRefusal ? 'refused' : 'failed';
}

/** In a circle from one of them, so that those in front never use up the time of the others again and again. */
function fromAnywhere(indexes: readonly number[]): number[] {
  const start = Math.floor(Math.random() * indexes.length);
  return [...indexes.slice(start), ...indexes.slice(0, start)];
}

function resultOf(tried: readonly Tried[]): Omit<FileResult, 'isEmpty'> {
  const counts = { stored: 0, forged: 0, refused: 0, failed: 0, keyMissing: 0, untried: 0 };
  for (const { result } of tried) counts[result]++;
  const left = tried.filter(({ result }) => result !== 'stored' && result !== 'forged');
  return { counts, left: left.map(({ entry }) => entry.line), error: left[0]?.error };
}
