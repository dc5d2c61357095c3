import type { MessageDetailView } from '../../src/index.js';
import { startApplication, type TestApplication } from '../support/application.js';

const CONTENT_SID = `HX${'1'.repeat(32)}`;

describe('variables of a template that Twilio refuses', () => {
  let t: TestApplication;

  beforeAll(async () => {
    t = await startApplication();
  });
  afterAll(() => t.stop());

  it.each([
    [{ 1: 'two\nlines' }, 'Variable "1" holds a line break.'],
    [{ 1: 'Anand', 2: '' }, 'Variable "2" is empty.'],
    [{ name: null }, 'Variable "name" is empty.'],
    [{ 1: 'a\tb' }, 'Variable "1" holds a tab.'],
    [
      { 1: `a${' '.repeat(5)}b`, 2: 'x\r\ny' },
      'Variable "1" holds more than four blanks in a row. Variable "2" holds a line break.',
    ],
  ])('are named with what is wrong: %j', async (ContentVariables, named) => {
    const recipient = `user-${named.length}-${JSON.stringify(ContentVariables).length}`;
    const { body } = await t
      .api()
      .post('/v3/notifications')
      .send({
        notification: { title: 'Hello' },
        sendTo: { recipients: [{ identifier: recipient, phoneNumber: '+447700900100' }] },
        override: { twilio_whatsapp: { ContentSid: CONTENT_SID, ContentVariables } },
      })
      .expect(202);
    const heard = await t.listener.waitFor(
      (event) => event.recipient === recipient && event.type === 'discarded',
    );
    expect(heard.reason).toBe('template_invalid');
    expect(heard.explanation).toContain(named);
    const { body: list } = await t.api().get(`/v3/messages?requestId=${body.requestId as string}`);
    const { body: detail } = await t.api().get(`/v3/messages/${list.items[0].id as string}`);
    const message = detail as MessageDetailView;
    expect(message).toMatchObject({
      status: 'discarded',
      reason: 'template_invalid',
      errorCode: 21656,
      explanation: expect.stringMatching(
        /line break, a tab or more than four blanks in a row.*empty.*JSON object/,
      ),
    });
    expect(message.explanation).toContain(named);
  });
});
