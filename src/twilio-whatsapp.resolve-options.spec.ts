import { resolveOptions } from './twilio-whatsapp.resolve-options.js';
import { TwilioWhatsappOptionsError } from './twilio-whatsapp.errors.js';

const GOOD = {
  publicUrl: 'https://notify.example.com',
  encryptionKeys: [Buffer.alloc(32).toString('base64')],
  api: { key: 'k', secret: 's' },
};

const GUARD = { canActivate: () => true };

describe('resolveOptions', () => {
  it('adds the defaults', () => {
    expect(
      resolveOptions(
        { ...GOOD, delivery: { maxInFlight: 8 }, spool: { directory: 'spool', maxFiles: 5 } },
        { controllers: true },
      ),
    ).toMatchObject({
      allowOverrides: ['content', 'sender', 'credentials'],
      delivery: { maxInFlight: 8, requestTimeoutMs: 30_000 },
      spool: { directory: 'spool', maxFiles: 5, maxBytes: 268_435_456 },
    });
  });

  it('leaves objects of the host what they are', () => {
    class Directory {
      find = async () => [];
    }
    const userDirectory = new Directory();
    expect(resolveOptions({ ...GOOD, userDirectory }, {}).userDirectory).toBe(userDirectory);
  });

  it.each([
    ['publicUrl', { publicUrl: 'notify' }],
    ['publicUrl', { publicUrl: 'https://notify.example.com:99999' }],
    ['publicUrl', { publicUrl: 'https://notify_me.example.com' }],
    ['encryptionKeys', { encryptionKeys: [] }],
    ['encryptionKeys', { encryptionKeys: ['short'] }],
    ['api', { api: undefined }],
    ['api', { api: { key: 'k', secret: '' } }],
    ['api', { api: { guards: [] } }],
    ['api.checkHeaders', { api: { guards: [GUARD], checkHeaders: 'authorization' as never } }],
    [
      'TWILIO_AUTH_TOKEN',
      {
        provider: {
          TWILIO_ACCOUNT_SID: `AC${'0'.repeat(32)}`,
          TWILIO_AUTH_TOKEN: '',
          TWILIO_FROM_NUMBER: '+14155238886',
        },
      },
    ],
    ['allowOverrides', { allowOverrides: ['everything' as 'content'] }],
    ['maxInFlight', { delivery: { maxInFlight: 0 } }],
    ['spool.directory', { spool: { directory: '' } }],
    ['spool.maxFiles', { spool: { directory: 'spool', maxFiles: 0 } }],
    ['callbackConnection', { callbackConnection: '#rc=5' }],
    ['callbackConnection', { callbackConnection: 'rc=5&x=y' }],
    ['redactAfterDays', { retention: { redactAfterDays: 0 } }],
    ['purgeAfterDays', { retention: { purgeAfterDays: Number.NaN } }],
    ['purgeAfterDays', { retention: { redactAfterDays: 30, purgeAfterDays: 7 } }],
    ['twilioApiUrl', { twilioApiUrl: 'twilio' }],
  ])('names %s when it is wrong', (option, wrong) => {
    const boot = () => resolveOptions({ ...GOOD, ...wrong }, { controllers: true });
    expect(boot).toThrow(TwilioWhatsappOptionsError);
    expect(boot).toThrow(option);
  });

  it.each([
    [{ retentoin: {} }, 'retentoin is unknown. Did you mean retention?'],
    [{ publicURL: 'x' }, 'publicURL is unknown. Did you mean publicUrl?'],
    [{ colour: 'red' }, 'colour is unknown. Remove it.'],
    [
      { delivery: { messagePerSecond: 1 } },
      'delivery.messagePerSecond is unknown. Did you mean messagesPerSecond?',
    ],
    [
      { spool: { directory: 'spool', maxfile: 1 } },
      'spool.maxfile is unknown. Did you mean maxFiles?',
    ],
    [
      { retention: { redactAfterDay: 1 } },
      'retention.redactAfterDay is unknown. Did you mean redactAfterDays?',
    ],
    [
      { provider: { TWILIO_AUTHTOKEN: 'x' } },
      'provider.TWILIO_AUTHTOKEN is unknown. Did you mean TWILIO_AUTH_TOKEN?',
    ],
    [{ api: { key: 'k', secert: 's' } }, 'api.secert is unknown. Did you mean secret?'],
    [
      { api: { guards: [GUARD], checkHeader: () => true } },
      'api.checkHeader is unknown. Did you mean checkHeaders?',
    ],
  ])('names what is unknown: %j', (wrong, problem) => {
    const boot = () => resolveOptions({ ...GOOD, ...wrong } as typeof GOOD, { controllers: true });
    expect(boot).toThrow(TwilioWhatsappOptionsError);
    expect(boot).toThrow(problem);
  });

  it('names an unknown setting that is given beside useFactory', () => {
    const settings = { controllers: true, isGlobl: true };
    expect(() => resolveOptions(GOOD, settings)).toThrow(
      'isGlobl is unknown. Did you mean isGlobal?',
    );
  });

  it('says where a setting stands that a factory returns, and that would have no effect', () => {
    const boot = () => resolveOptions({ ...GOOD, isGlobal: true } as typeof GOOD, {});
    expect(boot).toThrow(
      'isGlobal must stand beside useFactory, not in what it returns: it is needed before that is called',
    );
  });

  it('takes what is undefined for absent', () => {
    const given = { ...GOOD, colour: undefined, delivery: { size: undefined } } as typeof GOOD;
    expect(() => resolveOptions(given, { controllers: true })).not.toThrow();
  });

  it('needs nobody to authenticate when there is no REST API', () => {
    expect(() => resolveOptions({ ...GOOD, api: undefined }, { controllers: false })).not.toThrow();
  });
});
