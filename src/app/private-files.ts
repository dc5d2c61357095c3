import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

const OWNER_ONLY = { file: 0o600, folder: 0o700 };
const OTHERS = 0o077;

/** Makes a folder, and those above it, for its owner only; one that is there already stays as it is. */
export function makePrivateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: OWNER_ONLY.folder });
}

/**
 * Writes a file for its owner only, as a whole or not at all, and flushes it to the disk.
 *
 * @returns false when there is such a file already: it is left alone
 */
export function writePrivateFile(file: string, text: string): boolean {
  makePrivateFolder(dirname(file));
  const draft = `${file}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
  const handle = openSync(draft, 'wx', OWNER_ONLY.file);
  try {
    writeFileSync(handle, text);
    fsyncSync(handle);
    // Unlike a rename, a link does not replace what another process has just put there.
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    closeSync(handle);
    unlinkSync(draft);
  }
  flushFolder(dirname(file));
  return true;
}

/** Makes an empty file for its owner only, unless it is there already. */
export function createPrivateFile(file: string): void {
  makePrivateFolder(dirname(file));
  closeSync(openSync(file, 'a', OWNER_ONLY.file));
}

/**
 * Takes a file from everybody but its owner.
 *
 * @returns what is to be said about it; undefined when it was private already, or is not there
 */
export function tightenFile(file: string): string | undefined {
  // Windows has no such modes.
  if (process.platform === 'win32') return undefined;
  const { mode } = statSync(file, { throwIfNoEntry: false }) ?? { mode: 0 };
  if ((mode & OTHERS) === 0) return undefined;
  const wasOpen = `${file} was open to other users of this machine (mode ${(mode & 0o777).toString(8)})`;
  try {
    chmodSync(file, OWNER_ONLY.file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return `${wasOpen} and could not be taken from them (${code}): run chmod 600 on it.`;
  }
  return `${wasOpen}: now only its owner may read and write it.`;
}

/** Makes the entry of a new file as durable as its content. */
function flushFolder(folder: string): void {
  // Windows opens no folders.
  if (process.platform === 'win32') return;
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
