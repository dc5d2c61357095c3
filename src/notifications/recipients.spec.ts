import { MAX_RECIPIENTS, readRecipients } from './recipients.js';

describe('readRecipients', () => {
  it('unites both lists and drops repetitions', () => {
    expect(readRecipients(['a', { identifier: 'b', phoneNumber: '+1' }, 'a'], ['b', 'c'])).toEqual({
      recipients: [
        { identifier: 'a' },
        { identifier: 'b', profile: { phoneNumber: '+1' } },
        { identifier: 'c' },
      ],
      problems: [],
    });
  });

  it('unites the attributes of one user', () => {
    const { recipients } = readRecipients(
      ['a', { identifier: 'a', x: 1 }, { identifier: 'a', y: 2 }],
      undefined,
    );
    expect(recipients).toEqual([{ identifier: 'a', profile: { x: 1, y: 2 } }]);
  });

  it.each([
    ['nobody', undefined, undefined, 'sendTo.recipients must name at least one user'],
    ['an empty list', [], undefined, 'sendTo.recipients must name at least one user'],
    ['a text', 'a', undefined, 'sendTo.recipients must be a list'],
    ['a number in it', [7], undefined, 'sendTo.recipients[0] must be a text'],
    ['an empty identifier', ['a', ''], undefined, 'sendTo.recipients[1] must be a text'],
    ['an object without identifier', [{}], undefined, 'sendTo.recipients[0] .identifier'],
    [
      'an object in the older list',
      undefined,
      [{ identifier: 'a' }],
      'recipients[0] must be a text',
    ],
    ['control characters', ['a\nb'], undefined, 'sendTo.recipients[0] must be a text'],
  ])('refuses %s', (_case, current, legacy, message) => {
    expect(readRecipients(current, legacy).problems).toEqual([expect.stringContaining(message)]);
  });

  it('takes ten thousand and no more', () => {
    const many = Array.from({ length: MAX_RECIPIENTS }, (_, index) => `user-${index}`);
    expect(readRecipients(many, undefined).problems).toEqual([]);
    expect(readRecipients([...many, 'one-more'], undefined).problems).toHaveLength(1);
    expect(readRecipients(many, ['one-more']).problems).toHaveLength(1);
  });
});
