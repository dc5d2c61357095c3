import type { ListedMessage } from '../twilio/twilio.gateway.js';
import { matches } from './list-match.js';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const lost = { startedAt: NOW, requestTimeoutMs: 30_000, body: 'Hello' };
const listed = (sid: string, more: Partial<ListedMessage> = {}): ListedMessage => ({
  sid,
  status: 'sent',
  direction: 'outbound-api',
  body: 'Hello',
  createdAt: NOW,
  ...more,
});

describe('matches', () => {
  it.each<[string, Partial<ListedMessage>, boolean]>([
    ['the same text at the same time', {}, true],
    ['a clock that is a little behind', { createdAt: NOW - 4000 }, true],
    ['what was made long before', { createdAt: NOW - 60_000 }, false],
    ['what was made long after', { createdAt: NOW + 120_000 }, false],
    ['another text', { body: 'Bye' }, false],
    ['an incoming message', { direction: 'inbound' }, false],
    ['a message without a date', { createdAt: Number.NaN }, false],
  ])('%s', (_case, more, isMatch) => {
    expect(matches([listed('SM1', more)], lost, new Set())).toHaveLength(Number(isMatch));
  });

  it('passes over messages that belong to others, and takes the oldest first', () => {
    const list = [listed('SM3', { createdAt: NOW + 2000 }), listed('SM2'), listed('SM1')];
    expect(matches(list, lost, new Set(['SM1'])).map(({ sid }) => sid)).toEqual(['SM2', 'SM3']);
  });

  it('does not look at the text of a template, which Twilio does not list', () => {
    expect(
      matches([listed('SM1', { body: '' })], { ...lost, body: undefined }, new Set()),
    ).toHaveLength(1);
  });
});
