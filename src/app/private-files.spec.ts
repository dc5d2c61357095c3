import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writePrivateFile } from './private-files.js';

/** Long enough for one process to see what another has written half. */
const BYTES = 1024 * 1024;
const ROUNDS = 30;

describe('writePrivateFile', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'twilio-whatsapp-'));
  });
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill();
    rmSync(folder, { recursive: true });
  });

  it('lets one of the processes that write at once win, and the others find its file complete', async () => {
    const code = `
      import { existsSync, readFileSync, statSync } from 'node:fs';
      const { writePrivateFile } = await import(${JSON.stringify(join(import.meta.dirname, 'private-files.ts'))});
      process.once('message', (index) => {
        const results = [];
        for (let round = 0; round < ${ROUNDS}; round++) {
          const file = ${JSON.stringify(join(folder, 'file-'))} + round;
          // In every other round, one looks at nothing but whether the file is there.
          while (index === 1 && round % 2 === 1 && !existsSync(file));
          const found = existsSync(file) ? statSync(file).size : ${BYTES};
          const isMine = writePrivateFile(file, 'x'.repeat(${BYTES}));
          results.push([isMine, Math.min(found, readFileSync(file).length)]);
        }
        process.send(results, () => process.disconnect());
      });
      process.send('loaded');`;
    const args = ['--import', 'tsx', '--input-type=module', '-e', code];
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as [
      'ignore',
      'inherit',
      'inherit',
      'ipc',
    ];
    const processes = [1, 2].map(() => spawn(process.execPath, args, { stdio }));
    children.push(...processes);
    await Promise.all(processes.map((each) => once(each, 'message')));
    const written = await Promise.all(
      processes.map(async (each, index) => {
        const answer = once(each, 'message');
        each.send(index);
        return ((await answer) as [[boolean, number][]])[0];
      }),
    );
    for (let round = 0; round < ROUNDS; round++) {
      const [one, other] = written.map((results) => results[round]);
      expect([one[0] !== other[0], one[1], other[1]]).toEqual([true, BYTES, BYTES]);
    }
    expect(readdirSync(folder)).toHaveLength(ROUNDS);
  });

  it('leaves a file alone that is there', () => {
    const file = join(folder, 'file');
    expect(writePrivateFile(file, 'first')).toBe(true);
    expect(writePrivateFile(file, 'second')).toBe(false);
    expect(readFileSync(file, 'utf8')).toBe('first');
    expect(readdirSync(folder)).toEqual(['file']);
  });
});
