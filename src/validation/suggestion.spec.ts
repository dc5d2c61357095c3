import { suggestionFor, unknownField, unknownVariables } from './suggestion.js';

describe('suggestionFor', () => {
  const known = ['title', 'message', 'retention', 'messagesPerSecond', 'TWILIO_AUTH_TOKEN', 'url'];

  it.each([
    ['tite', 'title'],
    ['titel', 'title'],
    ['Title', 'title'],
    ['mesage', 'message'],
    ['massages', 'message'],
    ['retentoin', 'retention'],
    ['messagePerSecond', 'messagesPerSecond'],
    ['messages_per_second', 'messagesPerSecond'],
    ['TWILIO_AUTHTOKEN', 'TWILIO_AUTH_TOKEN'],
    ['twilio-auth-token', 'TWILIO_AUTH_TOKEN'],
    ['URL', 'url'],
    ['urls', 'url'],
  ])('finds for %s: %s', (name, expected) => expect(suggestionFor(name, known)).toBe(expected));

  it.each(['colour', 'id', 'to', 'u', 'uri2', '', 'x'.repeat(10_000), 'toString', '🙂🙂🙂'])(
    'finds nothing for %s',
    (name) => expect(suggestionFor(name, known)).toBeUndefined(),
  );

  it('finds the nearest, and the first of equals', () => {
    expect(suggestionFor('mesages', ['message', 'messages'])).toBe('messages');
    expect(suggestionFor('cat', ['bat', 'hat'])).toBe('bat');
  });
});

describe('unknownField', () => {
  it('says what was meant, or how to do without', () => {
    expect(unknownField('notification.', 'tite', ['title'])).toBe(
      'notification.tite is unknown. Did you mean title?',
    );
    expect(unknownField('', 'colour', ['title'])).toBe('colour is unknown. Remove it.');
  });

  it('shows a long or odd name in part', () => {
    expect(unknownField('', 'x'.repeat(9999), []).length).toBeLessThan(150);
    expect(unknownField('', 'a\nb', [])).toBe('a b is unknown. Remove it.');
  });
});

describe('unknownVariables', () => {
  const known = ['PORT', 'API_KEY', 'LOG_LEVEL', 'TWILIO_AUTH_TOKEN', 'ENCRYPTION_KEYS'];

  it.each([
    ['TWILIO_AUTHTOKEN', 'TWILIO_AUTHTOKEN is unknown. Did you mean TWILIO_AUTH_TOKEN?'],
    ['ENCRYPTION_KEY', 'ENCRYPTION_KEY is unknown. Did you mean ENCRYPTION_KEYS?'],
    ['LOG_LEVL', 'LOG_LEVL is unknown. Did you mean LOG_LEVEL?'],
  ])('names %s', (name, problem) => {
    expect(unknownVariables([...known, name], known)).toEqual([problem]);
  });

  it.each([
    'HOME',
    'SPORT',
    'PORTS',
    'API_URL',
    'LOG_DIR',
    'MY_TWILIO_AUTH_TOKEN',
    'TWILIO_PHONE_NUMBER',
    'TWILIO_AUTH_TOKEN_2',
    'TWILIO_AUTH_TOKEN2',
    'API_KEY_ID',
    'API_KEYRING',
  ])('leaves %s to others', (name) => expect(unknownVariables([name], known)).toEqual([]));
});
