import type { ListedMessage } from '../twilio/listed-message.js';
import type { MessageList } from '../twilio/twilio.gateway.js';
import { judge, listedText, type LookupContext, type LostAttempt } from './list-match.js';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const MINUTE = 60_000;
const TEXT = 'Hello';
const lost: LostAttempt = { startedAt: NOW, requestTimeoutMs: 30_000, text: TEXT };
const own = { isSending: false, text: TEXT };
const entry = (sid: string, more: Partial<ListedMessage> = {}): ListedMessage => ({
  sid,
  status: 'sent',
  direction: 'outbound-api',
  body: TEXT,
  createdAt: NOW,
  ...more,
});
const list = (
  messages: readonly ListedMessage[],
  more: Partial<MessageList> = {},
): MessageList => ({
  messages,
  isReadable: true,
  isLastPage: true,
  ...more,
});
const judged = (
  messages: readonly ListedMessage[],
  context: Partial<LookupContext> = {},
  attempt: Partial<LostAttempt> = {},
  more: Partial<MessageList> = {},
) => {
  const result = judge(
    list(messages, more),
    { ...lost, ...attempt },
    {
      known: [],
      open: [own],
      isExclusive: true,
      ...context,
    },
  );
  return result.kind === 'found' ? result.message.sid : result.kind;
};

describe('judge', () => {
  it('finds the only entry with the text, where no other program sends', () => {
    expect(judged([entry('SM1')])).toBe('SM1');
    expect(judged([entry('SM1')], { isExclusive: false })).toBe('undecided');
  });

  it.each<[string, Partial<ListedMessage>, string]>([
    ['a clock that is a little behind', { createdAt: NOW - 4000 }, 'SM1'],
    ['what was made a minute before', { createdAt: NOW - MINUTE }, 'undecided'],
    ['what was made two minutes after', { createdAt: NOW + 2 * MINUTE }, 'undecided'],
    ['what was made long before', { createdAt: NOW - 6 * MINUTE }, 'missing'],
    ['what was made long after', { createdAt: NOW + 8 * MINUTE }, 'missing'],
    ['another text', { body: 'Bye' }, 'undecided'],
    ['a text with the prefix of a trial account', { body: `Trial - ${TEXT}` }, 'undecided'],
    ['an incoming message', { direction: 'inbound' }, 'missing'],
    ['a reply', { direction: 'outbound-reply' }, 'undecided'],
    ['an entry without a date', { createdAt: Number.NaN }, 'undecided'],
  ])('%s', (_case, more, result) => {
    expect(judged([entry('SM1', more)])).toBe(result);
  });

  it('compares the messaging service, where there is one', () => {
    const service = { messagingServiceSid: 'MG1' };
    expect(judged([entry('SM1', service)], {}, service)).toBe('SM1');
    expect(judged([entry('SM1')], {}, service)).toBe('undecided');
  });

  it('takes as many entries as attempts, the oldest first, and no others', () => {
    const two = [entry('SM2', { createdAt: NOW + 2000 }), entry('SM1')];
    expect(judged(two, { open: [own, own] })).toBe('SM1');
    expect(judged(two)).toBe('undecided');
    expect(judged([entry('SM1')], { open: [own, own] })).toBe('undecided');
    expect(judged([entry('SM1')], { open: [own, { ...own, text: 'Bye' }] })).toBe('SM1');
    expect(judged([entry('SM1')], { open: [own, { isSending: false }] })).toBe('undecided');
  });

  it('waits while an attempt is under way that may have made an entry', () => {
    const sending = { isSending: true, text: TEXT };
    const two = [entry('SM1'), entry('SM2')];
    expect(judged(two, { open: [own, sending] })).toBe('undecided');
    expect(judged([entry('SM1')], { open: [own, { ...sending, text: 'Bye' }] })).toBe('SM1');
  });

  it('passes over what is proven to be of others, and counts what is believed to be', () => {
    const two = [entry('SM1'), entry('SM2')];
    expect(judged(two, { known: [{ sid: 'SM1', source: 'response' }] })).toBe('SM2');
    expect(judged(two, { known: [{ sid: 'SM1', source: 'poll' }] })).toBe('SM2');
    for (const source of ['poll', 'operator', null] as const) {
      expect(judged([entry('SM1')], { known: [{ sid: 'SM1', source }] })).toBe('undecided');
    }
    for (const source of ['response', 'callback', 'stream'] as const) {
      expect(judged([entry('SM1')], { known: [{ sid: 'SM1', source }] })).toBe('missing');
    }
  });

  it('finds nothing without a text to compare', () => {
    expect(judged([entry('SM1')], {}, { text: undefined })).toBe('undecided');
    expect(judged([entry('SM1', { body: '' })], {}, { text: undefined })).toBe('undecided');
  });

  it.each<[string, Partial<MessageList>]>([
    ['has more pages', { isLastPage: false }],
    ['could not be read in full', { isReadable: false }],
  ])('concludes nothing from a list that %s', (_case, more) => {
    expect(judged([], {}, {}, more)).toBe('undecided');
    expect(judged([entry('SM1')], {}, {}, more)).toBe('undecided');
  });

  it('concludes from a page that goes back beyond the attempt', () => {
    const older = entry('SM0', { createdAt: NOW - 6 * MINUTE });
    expect(judged([older], {}, {}, { isLastPage: false })).toBe('missing');
    expect(judged([entry('SM1'), older], {}, {}, { isLastPage: false })).toBe('SM1');
  });

  it('names the entries that fit best', () => {
    const context = { known: [], open: [own], isExclusive: false };
    const entries = [entry('SM2', { body: 'Bye' }), entry('SM1')];
    expect(judge(list(entries), lost, context)).toEqual({ kind: 'undecided', sids: ['SM1'] });
    expect(judge(list(entries.slice(0, 1)), lost, context)).toMatchObject({ sids: ['SM2'] });
  });
});

describe('listedText', () => {
  it.each([
    [{ Body: TEXT }, TEXT],
    [{ Body: TEXT, MediaUrl: ['https://a.example/1'] }, TEXT],
    [{ Body: TEXT, ContentSid: 'HX1' }, undefined],
    [{ Body: TEXT, ContentRetention: 'discard' }, undefined],
    [{ Body: TEXT, ContentRetention: 'retain' }, TEXT],
    [{ Body: TEXT, ShortenUrls: 'true' }, undefined],
    [{ MediaUrl: ['https://a.example/1'] }, undefined],
  ])('of %j', (parameters, text) => {
    expect(listedText(parameters)).toBe(text);
  });
});
