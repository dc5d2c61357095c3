import { parseOverride } from './override.js';
import { OVERRIDE_SCOPES } from '../twilio-whatsapp.options.js';

const ALL = OVERRIDE_SCOPES;
const SID = `AC${'1'.repeat(32)}`;
const TOKEN = 'not-a-real-auth-token';

describe('parseOverride', () => {
  it.each([
    ['nothing', undefined, {}, {}],
    ['null', null, {}, {}],
    ["Twilio's spelling", { Body: 'hi' }, {}, { Body: 'hi' }],
    [
      "twilio-node's spelling",
      { mediaUrl: ['https://a.example/1'] },
      {},
      { MediaUrl: ['https://a.example/1'] },
    ],
    ['both spellings', { body: 'node', Body: 'twilio' }, {}, { Body: 'twilio' }],
    ['a parameter of tomorrow', { HologramMode: 'wide' }, {}, { HologramMode: 'wide' }],
    [
      'numbers and booleans',
      { ValidityPeriod: 60, ShortenUrls: true },
      {},
      { ValidityPeriod: '60', ShortenUrls: 'true' },
    ],
    ['an object as JSON', { ContentVariables: { 1: 'x' } }, {}, { ContentVariables: '{"1":"x"}' }],
    [
      'the JSON of an object',
      { ContentVariables: '{"1":"x"}' },
      {},
      { ContentVariables: '{"1":"x"}' },
    ],
    ['removed variables', { ContentVariables: null }, {}, { ContentVariables: null }],
    ['a removed parameter', { Body: null }, {}, { Body: null }],
    [
      '_config',
      { _config: { TWILIO_FROM_NUMBER: '+14155238886' } },
      { TWILIO_FROM_NUMBER: '+14155238886' },
      {},
    ],
    ['configuration keys directly', { TWILIO_AUTH_TOKEN: TOKEN }, { TWILIO_AUTH_TOKEN: TOKEN }, {}],
    [
      '_config over direct keys',
      { TWILIO_FROM_NUMBER: '+14155238886', _config: { TWILIO_FROM_NUMBER: '+14155238887' } },
      { TWILIO_FROM_NUMBER: '+14155238887' },
      {},
    ],
    [
      'the whole configuration',
      { _config: { TWILIO_ACCOUNT_SID: SID, TWILIO_AUTH_TOKEN: TOKEN } },
      { TWILIO_ACCOUNT_SID: SID, TWILIO_AUTH_TOKEN: TOKEN },
      {},
    ],
  ])('takes %s', (_case, input, config, parameters) => {
    const { override, problems } = parseOverride(input, ALL);
    expect(problems).toEqual([]);
    expect({ ...override.config }).toEqual(config);
    expect({ ...override.parameters }).toEqual(parameters);
  });

  it('keeps lists of its own, whatever the caller does with theirs', () => {
    const MediaUrl = ['https://example.com/1.png'];
    const { override } = parseOverride({ MediaUrl }, ['content']);
    MediaUrl[0] = 'https://example.com/2.png';
    expect(override.parameters.MediaUrl).toEqual(['https://example.com/1.png']);
  });

  it('takes _instance', () => {
    expect(parseOverride({ _instance: 'main' }, ALL).override.instance).toBe('main');
  });

  it.each([
    ['a list', [], 'override.twilio_whatsapp must be an object'],
    ['a text', 'x', 'override.twilio_whatsapp must be an object'],
    ['an unknown private key', { _secret: 1 }, 'override.twilio_whatsapp._secret'],
    [
      'an unknown configuration key',
      { TWILIO_REGION: 'x' },
      'override.twilio_whatsapp.TWILIO_REGION',
    ],
    [
      'an unknown key in _config',
      { _config: { API_KEY: 'x' } },
      'override.twilio_whatsapp._config.API_KEY',
    ],
    [
      'a malformed number',
      { _config: { TWILIO_FROM_NUMBER: '0123' } },
      '_config.TWILIO_FROM_NUMBER must be in E.164',
    ],
    [
      'an empty token',
      { _config: { TWILIO_AUTH_TOKEN: '' } },
      '_config.TWILIO_AUTH_TOKEN must be 16 to 128',
    ],
    ['__proto__', JSON.parse('{"__proto__": {"Body": "x"}}'), 'override.twilio_whatsapp.__proto__'],
    ['constructor', { constructor: 'x' }, 'override.twilio_whatsapp.constructor'],
    ['a name that is none', { 'Body[x]': 'y' }, 'override.twilio_whatsapp.Body[x]'],
    ['a list of objects', { MediaUrl: [{}] }, 'override.twilio_whatsapp.MediaUrl must be a list'],
    ['an empty name', { '': 'x' }, 'is not the name of a parameter'],
    ['an empty instance', { _instance: '' }, 'override.twilio_whatsapp._instance'],
  ])('refuses %s and names it', (_case, input, message) => {
    expect(parseOverride(input, ALL).problems).toEqual([expect.stringContaining(message)]);
  });

  it.each([
    ['a list', ['Chef', 'tomorrow']],
    ['the JSON of a list', '["Chef", "tomorrow"]'],
    ['the JSON of null', 'null'],
    ['a text', 'Chef'],
    ['an empty text', ''],
    ['a number', 1],
    ['true', true],
  ])('refuses %s as ContentVariables: they are an object', (_case, value) => {
    for (const key of ['ContentVariables', 'contentVariables']) {
      expect(parseOverride({ [key]: value }, ALL).problems).toEqual([
        `override.twilio_whatsapp.${key} must be an object of names and values, such as {"1": "Anand"}`,
      ]);
    }
  });

  it('keeps out of prototypes', () => {
    const { override } = parseOverride({ Body: 'x' }, ALL);
    expect(Object.getPrototypeOf(override.parameters)).toBeNull();
    expect(Object.getPrototypeOf(override.config)).toBeNull();
  });

  it.each([
    ['content', { Body: 'x' }, ['sender', 'credentials']],
    ['sender', { From: '+14155238887' }, ['content', 'credentials']],
    ['sender', { MessagingServiceSid: 'MG' }, ['content', 'credentials']],
    ['sender', { _instance: 'other' }, ['content', 'credentials']],
    ['sender', { _config: { TWILIO_FROM_NUMBER: '+14155238887' } }, ['content', 'credentials']],
    ['credentials', { TWILIO_AUTH_TOKEN: TOKEN }, ['content', 'sender']],
  ] as const)('forbids %s where it is not allowed: %j', (scope, input, allowed) => {
    expect(parseOverride(input, allowed).problems).toEqual([expect.stringContaining(`(${scope})`)]);
  });
});
