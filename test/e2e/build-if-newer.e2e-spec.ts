import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const SCRIPT = resolve('scripts/build-if-newer.js');
const BUILD = `import fs from 'node:fs';
fs.appendFileSync('builds', 'x');
fs.rmSync('dist', { recursive: true, force: true });
setTimeout(() => { fs.mkdirSync('dist/commonjs', { recursive: true }); fs.writeFileSync('dist/commonjs/package.json', ''); }, 200);`;

describe('npm start beside a process that runs from dist', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'twilio-whatsapp-'));
    mkdirSync(join(folder, 'src', 'app'), { recursive: true });
    writeFileSync(join(folder, 'src', 'main.ts'), '');
    writeFileSync(join(folder, 'src', 'app', 'backend.ts'), '');
    writeFileSync(join(folder, 'build.mjs'), BUILD);
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ scripts: { build: 'node build.mjs' } }),
    );
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const run = () => promisify(execFile)(process.execPath, [SCRIPT], { cwd: folder });
  const builds = () => readFileSync(join(folder, 'builds'), 'utf8').length;
  const later = new Date(Date.now() + 60_000);

  it('builds once, also when both begin at once, and leaves dist alone while no source is newer', async () => {
    await Promise.all([run(), run()]);
    await run();
    expect(builds()).toBe(1);
  });

  it('builds again when a source has changed or was removed', async () => {
    await run();
    utimesSync(join(folder, 'src', 'app', 'backend.ts'), later, later);
    await run();
    expect(builds()).toBe(2);
    utimesSync(join(folder, 'src', 'app', 'backend.ts'), 0, 0);
    await run();
    expect(builds()).toBe(2);
    rmSync(join(folder, 'src', 'app', 'backend.ts'));
    utimesSync(join(folder, 'src', 'app'), later, later);
    await run();
    expect(builds()).toBe(3);
  });

  it('says that the build has failed', async () => {
    writeFileSync(join(folder, 'build.mjs'), 'process.exit(2)');
    await expect(run()).rejects.toMatchObject({ code: 2 });
    writeFileSync(join(folder, 'build.mjs'), BUILD);
    await run();
    expect(builds()).toBe(1);
  });

  it('does not wait for a build that was interrupted', async () => {
    const { pid } = spawnSync(process.execPath, ['--eval', '']);
    writeFileSync(join(folder, '.dist.lock'), String(pid));
    await run();
    expect(builds()).toBe(1);
  });

  it('goes for start, demo and simulator', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      scripts: Record<string, string>;
    };
    for (const name of ['start', 'demo', 'simulator']) {
      expect(scripts[name]).toMatch(/^node scripts\/build-if-newer\.js && node dist\//);
    }
  });
});
