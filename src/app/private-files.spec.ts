import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writePrivateFile } from './private-files.js';

describe('writePrivateFile', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'twilio-whatsapp-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('lets one of the processes that write at once win, and the others find its file complete', async () => {
    const code = `
      import { readFileSync } from 'node:fs';
      const { writePrivateFile } = await import(${JSON.stringify(join(import.meta.dirname, 'private-files.ts'))});
      process.once('message', () => {
        const results = [];
        for (let round = 0; round < 50; round++) {
          const file = ${JSON.stringify(join(folder, 'file-'))} + round;
          const isMine = writePrivateFile(file, (process.pid + ' ').repeat(2000));
          results.push([isMine, readFileSync(file, 'utf8').split(' ').length]);
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
    await Promise.all(processes.map((each) => once(each, 'message')));
    const written = await Promise.all(
      processes.map(async (each) => {
        const answer = once(each, 'message');
        each.send('go');
        return ((await answer) as [[boolean, number][]])[0];
      }),
    );
    for (let round = 0; round < 50; round++) {
      const [one, other] = written.map((results) => results[round]);
      expect([one[0] !== other[0], one[1], other[1]]).toEqual([true, 2001, 2001]);
    }
    expect(readdirSync(folder)).toHaveLength(50);
  });

  it('leaves a file alone that is there', () => {
    const file = join(folder, 'file');
    expect(writePrivateFile(file, 'first')).toBe(true);
    expect(writePrivateFile(file, 'second')).toBe(false);
    expect(readFileSync(file, 'utf8')).toBe('first');
    expect(readdirSync(folder)).toEqual(['file']);
  });
});
