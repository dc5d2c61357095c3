import { parseForm } from '../twilio/signature.js';
import { readStatusCallback, reportOf } from './status-callback.js';

const SID = `SM${'1'.repeat(32)}`;
const ACCOUNT = `AC${'a'.repeat(32)}`;
const common = `SmsSid=${SID}&MessageSid=${SID}&AccountSid=${ACCOUNT}&ApiVersion=2010-04-01&To=whatsapp%3A%2B447700900100&From=whatsapp%3A%2B14155238886&ChannelPrefix=whatsapp`;
const read = (form: string) => readStatusCallback(parseForm(`${common}&${form}`));

// The shapes that Twilio was seen to send, with numbers and SIDs of our own.
describe('readStatusCallback', () => {
  it.each([
    [
      'sent, with StructuredMessage',
      'SmsStatus=sent&MessageStatus=sent&StructuredMessage=false',
      { providerStatus: 'sent' },
    ],
    [
      'delivered, with EventType',
      'EventType=DELIVERED&SmsStatus=delivered&MessageStatus=delivered',
      { providerStatus: 'delivered' },
    ],
    [
      'delivered, without EventType',
      'SmsStatus=delivered&MessageStatus=delivered',
      { providerStatus: 'delivered' },
    ],
    ['read', 'EventType=READ&SmsStatus=read&MessageStatus=read', { providerStatus: 'read' }],
    [
      'a failure that says READ',
      'EventType=READ&SmsStatus=failed&MessageStatus=failed&ErrorCode=63016&ErrorMessage=',
      { providerStatus: 'failed', errorCode: 63016 },
    ],
    [
      'undelivered, with the words of the channel',
      'EventType=UNDELIVERED&MessageStatus=undelivered&ErrorCode=63024&ChannelStatusMessage=no',
      { providerStatus: 'undelivered', errorCode: 63024, errorMessage: 'no' },
    ],
    [
      'an empty error code',
      'MessageStatus=sent&ErrorCode=',
      { providerStatus: 'sent', errorCode: undefined },
    ],
    ['a status of tomorrow', 'MessageStatus=teleported', { providerStatus: 'teleported' }],
  ])('reads %s', (_case, form, expected) => {
    expect(read(form)).toMatchObject({ accountSid: ACCOUNT, sid: SID, ...expected });
  });

  it.each([
    ['an incoming message', 'SmsStatus=received&Body=hi'],
    ['a status that is none', 'MessageStatus=%3Cb%3E'],
  ])('leaves %s alone', (_case, form) => {
    expect(read(form)).toBeUndefined();
  });

  it('leaves a SID that is none alone', () => {
    expect(
      readStatusCallback([
        ['MessageSid', 'x'],
        ['MessageStatus', 'sent'],
      ]),
    ).toBeUndefined();
  });
});

describe('reportOf', () => {
  it('explains a failure from the catalogue when Twilio says nothing', () => {
    const report = reportOf(read('MessageStatus=failed&ErrorCode=63016&ErrorMessage=')!, 1);
    expect(report).toMatchObject({
      type: 'discarded',
      attempt: 1,
      discard: { reason: 'window_closed', errorCode: 63016 },
    });
  });

  it('uses Twilio’s words for a code that the catalogue does not have', () => {
    const report = reportOf(
      read('MessageStatus=failed&ErrorCode=99999&ErrorMessage=New+trouble')!,
      1,
    );
    expect(report.discard).toEqual({
      reason: 'twilio_error',
      explanation: 'New trouble',
      errorCode: 99999,
    });
  });

  it('ignores an error code on a positive status', () => {
    expect(reportOf(read('MessageStatus=delivered&ErrorCode=63016')!, 1).discard).toBeUndefined();
  });

  it('knows what was cancelled at Twilio', () => {
    expect(reportOf(read('MessageStatus=canceled')!, 1).discard).toMatchObject({
      reason: 'canceled',
    });
  });
});
