import { SCENES } from './scenario.js';
import { LiveTable } from './table.js';

const COLOURS = new RegExp(`${String.fromCodePoint(27)}\\[\\d*[A-Za-z]`, 'g');

const lineOn = (columns: number, isTTY: boolean): string => {
  const lines: string[] = [];
  const output = { columns, isTTY, write: (text: string) => lines.push(text) > 0 };
  const [scene] = SCENES;
  const explanation = 'The recipient has not written for 24 hours.';
  new LiveTable(output).update([{ scene, status: 'discarded', explanation, errorCode: 63016 }]);
  return lines.join('').replaceAll(COLOURS, '');
};

describe('LiveTable', () => {
  it('names the error code beside the explanation', () => {
    expect(lineOn(200, true)).toContain('discarded   63016: The recipient has not written');
    expect(lineOn(200, false)).toContain('discarded   63016: The recipient has not written');
  });

  it('draws on a terminal that reports no width as on one of 80 columns', () => {
    expect(lineOn(0, true)).toBe(lineOn(80, true));
    expect(lineOn(0, true)).toContain('reads it, with read receipts on');
  });

  it('lets no line wrap', () => {
    expect(lineOn(60, true).trimEnd().length).toBeLessThan(60);
  });
});
