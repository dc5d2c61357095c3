import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const IMPORT = /(?:\bfrom|\bimport\()\s*'([^']+)'/g;

/** The packages that a module loads, through whichever of our files. */
function packagesOf(entry: string, files = new Set<string>()): Set<string> {
  files.add(entry);
  const imports = [...readFileSync(entry, 'utf8').matchAll(IMPORT)].map(([, name]) => name);
  const packages = new Set(imports.filter((name) => !name.startsWith('.')));
  for (const name of imports.filter((each) => each.startsWith('.'))) {
    const file = join(dirname(entry), name.replace(/\.js$/, '.ts'));
    if (files.has(file)) continue;
    for (const each of packagesOf(file, files)) packages.add(each);
  }
  return packages;
}

describe('the entries of the package', () => {
  it('need @nestjs/config for the environment only', () => {
    const index = packagesOf('src/index.ts');
    expect(index).toContain('twilio');
    expect(index).not.toContain('@nestjs/config');
    expect(packagesOf('src/twilio-whatsapp.config.ts')).toContain('@nestjs/config');
  });
});
