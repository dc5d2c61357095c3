import { parseForm } from '../twilio/signature.js';
import { redact } from './redaction.js';

describe('redact', () => {
  it('keeps what happened, masks who is concerned, hides the rest', () => {
    const form =
      'MessageStatus=failed&ErrorCode=63024&EventType=READ&To=whatsapp%3A%2B447700900100&From=%2B14155238886' +
      '&ChannelToAddress=%2B44770090XXXX&ErrorMessage=No+user+at+%2B44+7700+900100&Body=A+secret&Tomorrow=x';
    expect(redact(parseForm(form))).toEqual({
      MessageStatus: 'failed',
      ErrorCode: '63024',
      EventType: 'READ',
      To: 'whatsapp:+44••••00',
      From: '+14••••86',
      ChannelToAddress: '+44••••XX',
      ErrorMessage: 'No user at ••••',
      Body: '••••',
      Tomorrow: '••••',
    });
  });

  it('masks business-scoped user ids, short ones too', () => {
    expect(
      redact([
        ['To', 'whatsapp:US.13491208655302741918'],
        ['From', 'whatsapp:US.1'],
        ['ExternalUserId', '2021'],
      ]),
    ).toEqual({ To: 'whatsapp:US.••••18', From: 'whatsapp:US.••••', ExternalUserId: '202••••' });
  });

  it('reads the spelling of events, and hides what is not plain', () => {
    expect(redact(Object.entries({ errorCode: 63016, to: '+447700900100', tags: {} }))).toEqual({
      errorCode: '63016',
      to: '+44••••00',
      tags: '••••',
    });
  });

  it('keeps no more than is of use', () => {
    const many = Array.from({ length: 500 }, (_, index): [string, string] => [`F${index}`, 'x']);
    expect(Object.keys(redact(many))).toHaveLength(50);
    expect(redact([['EventType', 'x'.repeat(10_000)]]).EventType).toHaveLength(300);
    expect(redact([['__proto__', 'x']])).not.toHaveProperty('x');
  });
});
