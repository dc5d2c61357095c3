import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Readable and writable by the owner alone. */
export const OWNER_ONLY = { file: 0o600, directory: 0o700 } as const;

/**
 * Writes a file that survives a power loss, whole or not at all; one of that name is replaced.
 *
 * @param unfinished where it is written first, in the same directory
 */
export async function writeDurably(
  path: string,
  content: string,
  unfinished: string,
): Promise<void> {
  try {
    const file = await open(unfinished, 'wx', OWNER_ONLY.file);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw error;
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
