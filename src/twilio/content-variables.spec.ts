import { explainVariables } from './content-variables.js';
import type { Outcome } from './outcome.js';

const refused = (errorCode: number): Outcome => ({
  kind: 'rejected',
  reason: 'template_invalid',
  explanation: 'Correct ContentVariables.',
  errorCode,
  httpStatus: 400,
});
const explanationOf = (variables: string, errorCode = 21656) => {
  const outcome = explainVariables(refused(errorCode), { ContentVariables: variables });
  return 'explanation' in outcome ? outcome.explanation : undefined;
};

describe('explainVariables', () => {
  it.each([
    [{ 1: 'two\nlines' }, 'Variable "1" holds a line break.'],
    [{ 1: 'a\u2028b' }, 'Variable "1" holds a line break.'],
    [{ 1: 'a\tb' }, 'Variable "1" holds a tab.'],
    [{ 1: 'a     b' }, 'Variable "1" holds more than four blanks in a row.'],
    [{ 1: '' }, 'Variable "1" is empty.'],
    [{ 1: '  ' }, 'Variable "1" is empty.'],
    [{ 1: null }, 'Variable "1" is empty.'],
    [{ 1: 7 }, 'Variable "1" is no text.'],
    [{ 1: ['a'] }, 'Variable "1" is no text.'],
    [{ 'a"\n': '' }, String.raw`Variable "a\"\n" is empty.`],
    [{ 1: 'good', b: '' }, 'Variable "b" is empty.'],
  ])('names what Twilio refuses in %j', (variables, named) => {
    for (const code of [21656, 92007]) {
      expect(explanationOf(JSON.stringify(variables), code)).toBe(
        `Correct ContentVariables. ${named}`,
      );
    }
  });

  it('names five at most, and long names in part', () => {
    const many = Object.fromEntries(
      Array.from({ length: 9 }, (_, index) => [`${index}${'x'.repeat(99)}`, '']),
    );
    const named = explanationOf(JSON.stringify(many))!;
    expect(named.match(/is empty/g)).toHaveLength(5);
    expect(named.length).toBeLessThan(500);
  });

  it.each(['{"1":"a    b"}', '["a"]', 'null', 'x', ''])('finds nothing to name in %j', (text) => {
    expect(explanationOf(text)).toBe('Correct ContentVariables.');
  });

  it('leaves other outcomes as they are', () => {
    expect(explanationOf('{"1":""}', 21655)).toBe('Correct ContentVariables.');
    const lost: Outcome = { kind: 'ambiguous', detail: 'lost' };
    expect(explainVariables(lost, { ContentVariables: '{"1":""}' })).toBe(lost);
  });
});
