import fc from 'fast-check';
import { parseForm, signForm, verifyForm, type FormParameters } from '../twilio/signature.js';
import { reportOf } from '../delivery/report.js';
import { isDisguised, readStatusCallback } from './status-callback.js';

const SEED = Number(process.env.SEED ?? Date.now());
const TOKEN = 'not-a-real-auth-token';
const URL_OF_OURS = 'https://notify.example.com/v3/callbacks/twilio_whatsapp/1/2/3/4';
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
  const URL_OF_ATTEMPT = { matchedBy: 'url', attempt: 1 } as const;

  it('explains a failure from the catalogue when Twilio says nothing', () => {
    const report = reportOf(
      read('MessageStatus=failed&ErrorCode=63016&ErrorMessage=')!,
      URL_OF_ATTEMPT,
    );
    expect(report).toMatchObject({
      type: 'discarded',
      attempt: 1,
      discard: { reason: 'window_closed', errorCode: 63016 },
    });
  });

  it('uses Twilio’s words for a code that the catalogue does not have', () => {
    const report = reportOf(
      read('MessageStatus=failed&ErrorCode=99999&ErrorMessage=New+trouble')!,
      URL_OF_ATTEMPT,
    );
    expect(report.discard).toEqual({
      reason: 'twilio_error',
      explanation: 'New trouble',
      errorCode: 99999,
    });
  });

  it('ignores an error code on a positive status', () => {
    expect(
      reportOf(read('MessageStatus=delivered&ErrorCode=63016')!, URL_OF_ATTEMPT).discard,
    ).toBeUndefined();
  });

  it('knows what was cancelled at Twilio', () => {
    expect(reportOf(read('MessageStatus=canceled')!, URL_OF_ATTEMPT).discard).toMatchObject({
      reason: 'canceled',
    });
  });
});

describe('isDisguised', () => {
  const genuine: [string, string][] = [
    ['AccountSid', ACCOUNT],
    ['ApiVersion', '2010-04-01'],
    ['ChannelInstallSid', `XE${'2'.repeat(32)}`],
    ['ChannelPrefix', 'whatsapp'],
    ['ChannelStatusMessage', 'ErrorCode: none'],
    ['ChannelToAddress', '+44770090XXXX'],
    ['ErrorCode', '63016'],
    ['ErrorMessage', 'ErrorCode 63016, MessageStatus unknown'],
    ['EventType', 'READ'],
    ['From', 'whatsapp:+14155238886'],
    ['MessageSid', SID],
    ['MessageStatus', 'undelivered'],
    ['MessagingServiceSid', `MG${'3'.repeat(32)}`],
    ['SmsSid', SID],
    ['SmsStatus', 'undelivered'],
    ['To', 'whatsapp:+447700900100'],
  ];
  const signature = signForm(TOKEN, URL_OF_OURS, genuine);
  const isSigned = (form: FormParameters) => verifyForm([TOKEN], signature, URL_OF_OURS, form);
  const without = (...names: string[]) => genuine.filter(([name]) => !names.includes(name));

  it('is not said of what Twilio sends', () => {
    expect(isDisguised(genuine)).toBe(false);
    expect(isDisguised(without('SmsSid', 'SmsStatus', 'ErrorCode'))).toBe(false);
    expect(isDisguised([...genuine, ['OriginalRepliedMessageSid', SID]])).toBe(false);
    expect(isDisguised([...genuine, ['ErrorCodeOfTomorrow', '1']])).toBe(false);
  });

  it.each<[string, FormParameters]>([
    ['statuses', [...without('SmsStatus'), ['SmsStatus', 'delivered']]],
    ['SIDs', [...without('SmsSid'), ['SmsSid', `SM${'9'.repeat(32)}`]]],
    [
      'both, of which the older one is no status and no SID',
      [...without('SmsStatus', 'SmsSid'), ['SmsStatus', ''], ['SmsSid', '']],
    ],
  ])('is not said of %s that differ from their older twins', (_case, form) => {
    expect(isDisguised(form)).toBe(false);
    expect(readStatusCallback(form)).toMatchObject({ sid: SID, providerStatus: 'undelivered' });
  });

  it.each<[string, FormParameters]>([
    [
      'a code in the value before it',
      [
        ...without('ChannelToAddress', 'ErrorCode'),
        ['ChannelToAddress', '+44770090XXXXErrorCode63016'],
      ],
    ],
    [
      'a code that is cut in two',
      [
        ...without('ChannelToAddress', 'ErrorCode'),
        ['ChannelToAddress', '+44770090XXXXError'],
        ['Code', '63016'],
      ],
    ],
    [
      'a status whose end has become a name',
      [
        ...without('MessageStatus', 'MessagingServiceSid', 'SmsSid', 'SmsStatus', 'To'),
        ['MessageStatus', 'undeliver'],
        [
          `edMessagingServiceSid`,
          `MG${'3'.repeat(32)}SmsSid${SID}SmsStatusundeliveredTowhatsapp:+447700900100`,
        ],
      ],
    ],
    [
      'a name that has taken the beginning of its value',
      [...without('SmsStatus'), ['SmsStatusun', 'delivered']],
    ],
    ['a field that comes twice', [...genuine, ['MessageStatus', 'undelivered']]],
  ])('is said of %s, though the signature fits', (_case, form) => {
    expect(isSigned(form)).toBe(true);
    expect(isDisguised(form)).toBe(true);
  });

  it.each<[string, [string, string][]]>([
    ['a genuine form', genuine],
    [
      'one with older twins that differ',
      genuine.map(([name, value]) => [
        name,
        { SmsSid: `SM${'9'.repeat(32)}`, SmsStatus: 'delivered' }[name] ?? value,
      ]),
    ],
    [
      'an incoming message that spells a status',
      [
        ...without('ErrorCode', 'ErrorMessage', 'EventType', 'MessageStatus', 'SmsStatus', 'To'),
        ['ProfileName', 'MessageStatusdelivered'],
        ['SmsStatus', 'received'],
        ['To', 'whatsapp:+14155238886'],
      ].toSorted(([a], [b]) => (a < b ? -1 : 1)) as [string, string][],
    ],
  ])(`makes nothing else of %s (seed ${SEED})`, (_case, genuineForm) => {
    const move = fc.record({
      at: fc.nat(),
      kind: fc.constantFrom('name', 'value', 'merge', 'split'),
      by: fc.integer({ min: 1, max: 40 }),
      isBack: fc.boolean(),
    });
    const said = (form: FormParameters) => {
      const { raw: _raw, errorMessage: _words, ...facts } = readStatusCallback(form) ?? {};
      return facts;
    };
    const signatureOfForm = signForm(TOKEN, URL_OF_OURS, genuineForm);
    const isSignedAs = (form: FormParameters) =>
      verifyForm([TOKEN], signatureOfForm, URL_OF_OURS, form);
    let fitting = 0;
    fc.assert(
      fc.property(fc.array(move, { minLength: 1, maxLength: 3 }), (moves) => {
        const form = moves.reduce(cutElsewhere, genuineForm);
        fc.pre(isSignedAs(form) && JSON.stringify(form) !== JSON.stringify(genuineForm));
        fitting++;
        // A callback that names another account is refused as well.
        if (readStatusCallback(form)?.accountSid === ACCOUNT && !isDisguised(form)) {
          expect(said(form)).toEqual(said(genuineForm));
        }
      }),
      { numRuns: 3000, seed: SEED, maxSkipsPerRun: 1000 },
    );
    expect(fitting).toBeGreaterThanOrEqual(3000);
  });
});

/** Moves a boundary between names and values of a sorted form, so that the text stays the same. */
function cutElsewhere(
  form: [string, string][],
  move: { at: number; kind: string; by: number; isBack: boolean },
): [string, string][] {
  const index = move.at % (form.length - 1);
  const [name, value] = form[index];
  const [next, nextValue] = form[index + 1];
  const shift = (left: string, right: string): [string, string] => {
    const text = left + right;
    const cut = left.length + (move.isBack ? -move.by : move.by);
    return [text.slice(0, Math.max(0, cut)), text.slice(Math.max(0, cut))];
  };
  switch (move.kind) {
    case 'name':
      return form.with(index, shift(name, value));
    case 'value': {
      const [left, right] = shift(value, next);
      return form.with(index, [name, left]).with(index + 1, [right, nextValue]);
    }
    case 'merge':
      return form.toSpliced(index, 2, [name, value + next + nextValue]);
    default: {
      const cut = move.by % (value.length + 1);
      const middle = cut + Math.ceil((value.length - cut) / 2);
      return form.toSpliced(
        index,
        1,
        [name, value.slice(0, cut)],
        [value.slice(cut, middle), value.slice(middle)],
      );
    }
  }
}
