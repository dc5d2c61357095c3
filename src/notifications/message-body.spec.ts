import { messageBody } from './message-body.js';

const text = { title: 'Title', message: 'Message' };
const FROM = '+14155238886';

describe('messageBody', () => {
  it.each([
    ['the message', text, {}, { Body: 'Message', From: 'whatsapp:+14155238886' }],
    [
      'the title without a message',
      { title: 'Title' },
      {},
      { Body: 'Title', From: 'whatsapp:+14155238886' },
    ],
    [
      'an overridden text',
      text,
      { Body: 'Other' },
      { Body: 'Other', From: 'whatsapp:+14155238886' },
    ],
    [
      'a template without text',
      text,
      { ContentSid: 'HX1', ContentVariables: '{}' },
      { ContentSid: 'HX1', ContentVariables: '{}', From: 'whatsapp:+14155238886' },
    ],
    [
      'a messaging service without sender',
      text,
      { MessagingServiceSid: 'MG1' },
      { Body: 'Message', MessagingServiceSid: 'MG1' },
    ],
    [
      'a messaging service as the sender',
      text,
      { From: `MG${'5'.repeat(32)}` },
      { Body: 'Message', From: `MG${'5'.repeat(32)}` },
    ],
    [
      'addresses with their prefix',
      text,
      { From: '+14155238887', To: '+447700900100' },
      { Body: 'Message', From: 'whatsapp:+14155238887', To: 'whatsapp:+447700900100' },
    ],
    [
      'a business-scoped user id',
      text,
      { To: 'whatsapp:US.abc' },
      { Body: 'Message', From: 'whatsapp:+14155238886', To: 'whatsapp:US.abc' },
    ],
    [
      'a removed text',
      text,
      { Body: null, MediaUrl: ['https://a.example/1'] },
      { From: 'whatsapp:+14155238886', MediaUrl: ['https://a.example/1'] },
    ],
  ])('holds %s', (_case, content, parameters, expected) => {
    expect(messageBody(content, FROM, { config: {}, parameters })).toEqual(expected);
  });
});
