import { once } from 'node:events';
import {
  InvalidNotificationError,
  TwilioWhatsappSender,
  type SendNotificationDto,
} from '../../src/index.js';
import type { SimulatedPost } from '../../src/simulator/index.js';
import { startApplication, type TestApplication } from '../support/application.js';

const MESSAGING_SERVICE = `MG${'5'.repeat(32)}`;
const CONTENT_SID = `HX${'1'.repeat(32)}`;

describe('what a host passes by injection', () => {
  let t: TestApplication;
  let sender: TwilioWhatsappSender;

  beforeAll(async () => {
    t = await startApplication();
    sender = t.app.get(TwilioWhatsappSender, { strict: false });
  });
  afterAll(() => t.stop());

  const hello = (more: Partial<SendNotificationDto>): SendNotificationDto => ({
    notification: { title: 'Hello' },
    sendTo: { recipients: [{ identifier: 'chef', phoneNumber: '+447700900100' }] },
    ...more,
  });
  const posted = async (override: Record<string, unknown>): Promise<URLSearchParams> => {
    const post = once(t.simulator, 'post', { signal: AbortSignal.timeout(5000) });
    await sender.send(hello({ override: { twilio_whatsapp: override } }));
    const [{ form }] = (await post) as [SimulatedPost];
    return form;
  };

  it.each([
    ['a date', new Date('2031-07-01T07:30:00Z')],
    ['a date with milliseconds', new Date('2031-07-01T07:30:00.999Z')],
    ['a text', '2031-07-01T07:30:00Z'],
    ['a text with milliseconds', '2031-07-01T07:30:00.000Z'],
    ['a text with an offset', '2031-07-01T09:30+02:00'],
  ])('SendAt goes out in whole seconds: %s', async (_case, sendAt) => {
    for (const key of ['sendAt', 'SendAt']) {
      const form = await posted({
        [key]: sendAt,
        scheduleType: 'fixed',
        messagingServiceSid: MESSAGING_SERVICE,
      });
      expect(form.get('SendAt')).toBe('2031-07-01T07:30:00Z');
    }
  });

  it('URLs go out as they are, also in a list', async () => {
    const url = new URL('https://example.com/1.png');
    expect((await posted({ mediaUrl: url })).getAll('MediaUrl')).toEqual([url.href]);
    expect((await posted({ mediaUrl: [url, url.href] })).getAll('MediaUrl')).toEqual([
      url.href,
      url.href,
    ]);
  });

  it('a map goes out as an object', async () => {
    const contentVariables = new Map<string, unknown>([['1', 'Chef']]);
    const form = await posted({ contentSid: CONTENT_SID, contentVariables });
    expect(form.get('ContentVariables')).toBe('{"1":"Chef"}');
  });

  it('sendAt may be a date, and data may hold dates, URLs and maps', async () => {
    const { requestId } = await sender.send(
      hello({
        sendAt: new Date('2031-07-01T07:30:00.250Z'),
        data: {
          at: new Date(0),
          from: new URL('https://example.com/'),
          items: new Map([['a', 1]]),
        },
      }),
    );
    expect((await sender.status(requestId)).messages.items).toEqual([
      expect.objectContaining({
        dueAt: '2031-07-01T07:30:00.250Z',
        data: { at: '1970-01-01T00:00:00.000Z', from: 'https://example.com/', items: { a: 1 } },
      }),
    ]);
  });

  const field = (value: unknown) => ({ chef: value });
  it.each([
    ['data.chef', hello({ data: field(1n) })],
    ['data.chef', hello({ data: field(() => 1) })],
    ['sendAt', hello({ sendAt: new Date(Number.NaN) })],
    ['notification.data.chef', hello({ notification: { title: 'x', data: field(new Set()) } })],
    [
      'sendTo.recipients[0].chef',
      hello({ sendTo: { recipients: [{ identifier: 'a', ...field(Symbol('x')) }] } }),
    ],
    [
      'override.twilio_whatsapp.MediaUrl[0]',
      hello({ override: { twilio_whatsapp: { MediaUrl: [Buffer.from('x')] } } }),
    ],
    [
      'override.twilio_whatsapp.ValidityPeriod',
      hello({ override: { twilio_whatsapp: { ValidityPeriod: 60n } } }),
    ],
    [
      'override.twilio_whatsapp._config.TWILIO_AUTH_TOKEN',
      hello({
        override: { twilio_whatsapp: { _config: { TWILIO_AUTH_TOKEN: Promise.resolve() } } },
      }),
    ],
  ])('is refused where it is no plain value, with its key: %s', async (key, notification) => {
    const refused = sender.send(notification);
    await expect(refused).rejects.toThrow(InvalidNotificationError);
    await expect(refused).rejects.toMatchObject({
      problems: [expect.stringContaining(`${key} is no plain value`)],
    });
  });
});
