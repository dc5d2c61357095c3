// Translates the built modules to CommonJS, for applications and test runners that cannot require ES modules.
import { transformFile } from '@swc/core';
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const FROM = 'dist';
const TO = join(FROM, 'commonjs');
/** What is not in the package. */
const PRIVATE = /^(app|commonjs)\/|^main\./;
const OPTIONS = {
  module: { type: 'commonjs', importInterop: 'node' },
  jsc: { target: 'es2023', parser: { syntax: 'ecmascript' }, keepClassNames: true },
  swcrc: false,
  configFile: false,
};

const names = (await readdir(FROM, { recursive: true }))
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => /\.(js|d\.ts)$/.test(name) && !PRIVATE.test(name));
await Promise.all(
  names.map(async (name) => {
    const target = join(TO, name);
    await mkdir(dirname(target), { recursive: true });
    if (name.endsWith('.d.ts')) return cp(join(FROM, name), target);
    const { code } = await transformFile(join(FROM, name), OPTIONS);
    return writeFile(target, code);
  }),
);
await writeFile(join(TO, 'package.json'), '{ "type": "commonjs" }\n');
