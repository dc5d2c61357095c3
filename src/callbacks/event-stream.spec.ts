import { readEvents } from './event-stream.js';

const SID = `SM${'1'.repeat(32)}`;
const ACCOUNT = `AC${'a'.repeat(32)}`;

/** The shape that Event Streams was seen to send, with numbers and SIDs of our own. */
const event = (type: string, data: object = {}, more: object = {}) => ({
  specversion: '1.0',
  type: `com.twilio.messaging.message.${type}`,
  source: `/2010-04-01/Accounts/${ACCOUNT}/Messages/${SID}.json`,
  id: `EZ${'2'.repeat(32)}`,
  time: '2026-03-29T04:00:56.753Z',
  dataschema: 'https://events-schemas.twilio.com/Messaging.MessageStatus/7',
  datacontenttype: 'application/json',
  data: {
    messageSid: SID,
    messageStatus: type.toUpperCase(),
    from: 'whatsapp:+14155238886',
    to: 'whatsapp:+447700900100',
    ...data,
  },
  ...more,
});
const read = (body: unknown) => readEvents(Buffer.from(JSON.stringify(body)));

describe('readEvents', () => {
  it.each(['queued', 'sent', 'delivered', 'undelivered', 'failed', 'read'])('reads %s', (type) => {
    expect(read([event(type)])).toMatchObject([
      { source: 'stream', accountSid: ACCOUNT, sid: SID, providerStatus: type },
    ]);
  });

  it('reads a single event, and several', () => {
    expect(read(event('sent'))).toHaveLength(1);
    const other = event('read', {}, { id: `EZ${'3'.repeat(32)}` });
    expect(read([event('sent'), other])).toHaveLength(2);
  });

  it('reads what comes twice once, by its id', () => {
    expect(read([event('sent'), event('sent')])).toHaveLength(1);
    const nameless = event('sent', {}, { id: undefined });
    expect(read([nameless, nameless])).toHaveLength(2);
  });

  it('goes by the type, whatever the status in the data says', () => {
    expect(read(event('delivered', { messageStatus: 'QUEUED' }))).toMatchObject([
      { providerStatus: 'delivered' },
    ]);
  });

  it('reads the account from the data, the code, and the URL that we had given', () => {
    expect(
      read(
        event('undelivered', {
          accountSid: `AC${'b'.repeat(32)}`,
          errorCode: 63016,
          statusCallBackUrl: 'https://notify.example.com/x',
        }),
      ),
    ).toMatchObject([
      {
        accountSid: `AC${'b'.repeat(32)}`,
        errorCode: 63016,
        statusCallback: 'https://notify.example.com/x',
      },
    ]);
  });

  it('keeps it without text, numbers and our own URL', () => {
    const [{ raw }] = read(
      event('sent', { body: 'A secret', statusCallBackUrl: 'https://x.example.com', mcc: '310' }),
    );
    expect(JSON.parse(raw)).toEqual({
      id: `EZ${'2'.repeat(32)}`,
      type: 'com.twilio.messaging.message.sent',
      time: '2026-03-29T04:00:56.753Z',
      dataschema: 'https://events-schemas.twilio.com/Messaging.MessageStatus/7',
      data: {
        messageSid: SID,
        messageStatus: 'SENT',
        from: 'whatsapp:+14••••86',
        to: 'whatsapp:+44••••00',
        body: '••••',
        statusCallBackUrl: '••••',
        mcc: '310',
      },
    });
  });

  it.each([
    ['incoming messages', { type: 'com.twilio.messaging.inbound-message.received' }],
    ['other types', { type: 'com.twilio.voice.insights' }],
    ['no type', { type: 7 }],
    ['no data', { data: null }],
    ['a SID that is none', { data: { messageSid: 'x' } }],
  ])('leaves %s out', (_case, more) => {
    expect(read([event('sent', {}, more)])).toEqual([]);
  });

  it.each([[[]], [[[]]], [null], [7], ['x'], [[null, 1, 'x']]])('finds nothing in %j', (body) => {
    expect(read(body)).toEqual([]);
  });

  it('refuses what is not JSON', () => {
    expect(() => readEvents(Buffer.from('{'))).toThrow('not JSON');
  });
});
