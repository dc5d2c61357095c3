import { execSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

// Builds `dist` when a source is newer than it. Another process may be running from `dist`, or be building it.

const SOURCES = ['src', 'package.json', 'tsconfig.json', 'tsconfig.build.json', 'nest-cli.json'];
/** Written last by a build. */
const BUILT = join('dist', 'commonjs', 'package.json');
const LOCK = '.dist.lock';
const LOOK_EVERY_MS = 100;

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
    writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    if (!isHeld()) rmSync(LOCK, { force: true });
    return false;
  }
}

/** Whether the process that has the lock still runs: one that was interrupted leaves it. */
function isHeld() {
  try {
    const pid = Number(readFileSync(LOCK, 'utf8'));
    // Between its creation and its content there is a moment.
    return pid === 0 || process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

let isWaiting = false;
while (!lock()) {
  if (!isWaiting) console.error(`Waiting for the build of another process (${LOCK})`);
  isWaiting = true;
  await delay(LOOK_EVERY_MS);
}
try {
  if (!isBuilt()) execSync('npm run --silent build', { stdio: 'inherit' });
} catch (error) {
  process.exitCode = error.status ?? 1;
} finally {
  rmSync(LOCK, { force: true });
}
