import { execSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

// Builds `dist` when a source is newer than it. Another process may be running from `dist`, or be building it.

const SOURCES = ['src', 'package.json', 'tsconfig.json', 'tsconfig.build.json', 'nest-cli.json'];
const BUILT = join('dist', 'main.js');
const LOCK = '.dist.lock';
const LOOK_EVERY_MS = 100;
/** A build that takes longer has died. */
const LONGEST_BUILD_MS = 120_000;

const changedAt = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs;

/** When the newest of the files changed; folders count too, for what was removed from them. */
function newest(path) {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) return 0;
  if (!stats.isDirectory()) return stats.mtimeMs;
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

const isBuilt = () => (changedAt(BUILT) ?? -1) >= Math.max(...SOURCES.map(newest));

/** @returns whether the lock was free */
function lock() {
  try {
    mkdirSync(LOCK);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    if (changedAt(LOCK) < Date.now() - LONGEST_BUILD_MS) rmdirSync(LOCK);
    return false;
  }
}

while (!lock()) await delay(LOOK_EVERY_MS);
try {
  if (!isBuilt()) execSync('npm run --silent build', { stdio: 'inherit' });
} catch (error) {
  process.exitCode = error.status ?? 1;
} finally {
  rmdirSync(LOCK);
}
