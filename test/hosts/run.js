// Installs the package, as it would be published, in a fresh Nest 11 application in CommonJS, runs that application's
// Jest test, and starts it compiled: where Node can require ES modules and where it cannot.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const directory = mkdtempSync(join(tmpdir(), 'nest11-commonjs-'));
const run = (command, args, cwd = directory) =>
  execFileSync(command, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    timeout: 300_000,
    killSignal: 'SIGKILL',
  });

try {
  cpSync(join(import.meta.dirname, 'nest11-commonjs'), directory, { recursive: true });
  const [{ filename }] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', directory], root),
  );
  run('npm', [
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--no-package-lock',
    `./${filename}`,
  ]);
  // Compiled already; to compile it again takes minutes.
  symlinkSync(
    join(root, 'node_modules/better-sqlite3'),
    join(directory, 'node_modules/better-sqlite3'),
  );

  run('node', ['node_modules/jest/bin/jest.js', '--forceExit']);
  run('node', ['node_modules/typescript/bin/tsc']);
  for (const option of ['--experimental-require-module', '--no-experimental-require-module']) {
    const output = run('node', [option, 'dist/main.js']);
    if (!output.includes('sent delivered seen')) throw new Error(`${option}: ${output}`);
    console.log(`Nest 11 in CommonJS, ${option}: ${output.trim()}`);
  }
} finally {
  rmSync(directory, { recursive: true });
}
