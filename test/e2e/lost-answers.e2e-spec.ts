import { Database } from '../../src/database/database.js';
import { Reconciler } from '../../src/delivery/reconciler.js';
import { TwilioWhatsappSender, type TwilioWhatsappModuleOptions } from '../../src/index.js';
import type { Fate } from '../../src/simulator/index.js';
import {
  ACCOUNT_SID,
  AUTH_TOKEN,
  fictionalNumber,
  SENDER,
  startApplication,
  type TestApplication,
} from '../support/application.js';

const TEXT = 'Hello';
/** Accepted by Twilio, which answers nothing and tells nothing. */
const LOST = { faults: ['resetAfter'], statuses: [] } as const satisfies Fate;
const BOTH_LOST = { ...LOST, faults: ['resetAfter', 'resetAfter'] } as const satisfies Fate;

type Policy = NonNullable<TwilioWhatsappModuleOptions['delivery']>['ambiguousPolicy'];

/** An application that looks at Twilio's list when a test says so. */
async function start(ambiguousPolicy: Policy) {
  const t = await startApplication({
    options: { delivery: { ambiguousPolicy, pollIntervalMs: 60_000 } },
  });
  const reconciler = t.app.get(Reconciler, { strict: false });
  const sender = t.app.get(TwilioWhatsappSender, { strict: false });
  const send = async (recipient: string, phoneNumber: string, more: object = {}) => {
    const { requestId } = await sender.send({
      notification: { title: TEXT },
      sendTo: { recipients: [{ identifier: recipient, phoneNumber }] },
      ...more,
    });
    return requestId;
  };
  return {
    t,
    send,
    /** Sends what becomes unknown. */
    lose: async (recipient: string, phoneNumber: string, more?: object) => {
      const requestId = await send(recipient, phoneNumber, more);
      await t.settled(requestId, recipient, 'unknown');
      return requestId;
    },
    /** Lets the time until the next look pass. @returns the message after it */
    lookFor: async (requestId: string) => {
      await t.app
        .get(Database, { strict: false })
        .query('UPDATE twilio_whatsapp_message SET due_at = 1 WHERE request_id = ?', requestId);
      reconciler['nextList'].clear();
      await reconciler['look']('unknown');
      const { messages } = await sender.status(requestId);
      return messages.items[0];
    },
    sidsTo: (phoneNumber: string) => t.simulator.messagesTo(phoneNumber).map(({ sid }) => sid),
  };
}

/** Sends past the module, as another program with the same account would. @returns the SID */
async function sendElsewhere(t: TestApplication, phoneNumber: string, body: string) {
  const response = await fetch(
    `${t.simulator.url}/2010-04-01/Accounts/${ACCOUNT_SID}/Messages.json`,
    {
      method: 'POST',
      headers: { Authorization: `Basic ${btoa(`${ACCOUNT_SID}:${AUTH_TOKEN}`)}` },
      body: new URLSearchParams({
        To: `whatsapp:${phoneNumber}`,
        From: `whatsapp:${SENDER}`,
        Body: body,
      }),
    },
  );
  const { sid } = (await response.json()) as { sid: string };
  return sid;
}

describe('a message whose answer was lost', () => {
  let a: Awaited<ReturnType<typeof start>>;
  let numbers = 0;
  /** The number of somebody whose messages meet the fate. */
  const numberOf = (fate: Fate) => {
    const phoneNumber = fictionalNumber(++numbers);
    a.t.simulator.script(phoneNumber, fate);
    return phoneNumber;
  };

  beforeAll(async () => {
    a = await start('hold');
  });
  afterAll(() => a.t.stop());

  it('is not sent again, however often Twilio was asked for it', async () => {
    const requestId = await a.lose('held', numberOf({ faults: ['errorBefore'] }));
    const posts = a.t.simulator.posts.length;
    for (let looks = 1; looks <= 8; looks++) {
      expect(await a.lookFor(requestId)).toMatchObject({ status: 'unknown', attempts: 1 });
    }
    expect(a.t.simulator.posts).toHaveLength(posts);
  });

  it('does not take the SID of one that somebody else has sent', async () => {
    const phoneNumber = numberOf({ statuses: [], next: BOTH_LOST });
    await sendElsewhere(a.t, phoneNumber, TEXT);
    const requestId = await a.lose('alike', phoneNumber);
    expect(a.sidsTo(phoneNumber)).toHaveLength(2);
    expect(await a.lookFor(requestId)).toMatchObject({ status: 'unknown' });
  });

  it('is found beside another one with the same text', async () => {
    const phoneNumber = numberOf(BOTH_LOST);
    const lost = [await a.lose('twin-1', phoneNumber), await a.lose('twin-2', phoneNumber)];
    const found = [await a.lookFor(lost[0]), await a.lookFor(lost[1])];
    expect(found).toMatchObject([{ status: 'sent' }, { status: 'sent' }]);
    expect(new Set(found.map(({ sid }) => sid))).toEqual(new Set(a.sidsTo(phoneNumber)));
  });

  it('gets its own SID, not that of a later one with the same text', async () => {
    const phoneNumber = numberOf(LOST);
    const lost = await a.lose('earlier', phoneNumber);
    const later = await a.send('later', phoneNumber);
    const { sid } = await a.t.settled(later, 'later', 'sent');
    const own = a.sidsTo(phoneNumber).filter((other) => other !== sid);
    expect(await a.lookFor(lost)).toMatchObject({ status: 'sent', sid: own[0] });
  });

  it('made from a template is found only where it is the one that is missing', async () => {
    const template = {
      override: { twilio_whatsapp: { ContentSid: `HX${'c'.repeat(32)}` } },
    };
    const single = numberOf(LOST);
    const lost = await a.lose('template', single, template);
    expect(await a.lookFor(lost)).toMatchObject({ status: 'sent', sid: a.sidsTo(single)[0] });

    const shared = numberOf(BOTH_LOST);
    const one = await a.lose('template-1', shared, template);
    const other = await a.lose('template-2', shared, template);
    expect(a.sidsTo(shared)).toHaveLength(2);
    for (const requestId of [one, other]) {
      expect(await a.lookFor(requestId)).toMatchObject({ status: 'unknown' });
    }
  });
});

it('a list that does not go back to a lost message is no proof that Twilio does not have it', async () => {
  const { t, lose, lookFor } = await start('resend-after-verify');
  const phoneNumber = fictionalNumber(1);
  t.simulator.script(phoneNumber, { faults: ['errorBefore'], statuses: [] });
  const requestId = await lose('buried', phoneNumber);
  await Promise.all(
    Array.from({ length: 50 }, () => sendElsewhere(t, phoneNumber, 'something else')),
  );
  for (let looks = 1; looks <= 6; looks++) {
    expect(await lookFor(requestId)).toMatchObject({ status: 'unknown', attempts: 1 });
  }

  t.simulator.messages.clear();
  expect(await lookFor(requestId)).toMatchObject({ status: 'queued' });
  await t.stop();
});
