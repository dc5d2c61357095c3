import { once } from 'node:events';
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
import { CallbackClient, fields } from '../support/callback-forms.js';
import { DATABASES, describeOn } from '../support/databases.js';

const TEXT = 'Hello';
/** Twilio accepts the message, does not answer and sends no callback. */
const LOST = { faults: ['resetAfter'], statuses: [] } as const satisfies Fate;
const BOTH_LOST = { ...LOST, faults: ['resetAfter', 'resetAfter'] } as const satisfies Fate;
/** Twilio never gets the first message, and accepts the second one. */
const FIRST_NEVER_ARRIVES = { faults: ['resetBefore'], statuses: [] } as const satisfies Fate;
const TEMPLATE = { override: { twilio_whatsapp: { ContentSid: `HX${'c'.repeat(32)}` } } };

type Delivery = NonNullable<TwilioWhatsappModuleOptions['delivery']>;

/** An application that looks a message up in Twilio's list when a test says so. */
async function start(delivery: Delivery, database?: string) {
  const t = await startApplication({
    database,
    options: { delivery: { ...delivery, pollIntervalMs: 60_000 } },
  });
  const twilio = new CallbackClient(t);
  const urlOf = (sid: string) => t.simulator.messages.get(sid)!.form.get('StatusCallback')!;
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
    twilio,
    /** What the API shows of the only message of a notification. */
    detail: async (requestId: string) => {
      const { messages } = await sender.status(requestId);
      return twilio.detail(messages.items[0].id);
    },
    resolve: async (requestId: string, sid: string) => {
      const { messages } = await sender.status(requestId);
      return t
        .api()
        .post(`/v3/messages/${messages.items[0].id}/resolve`)
        .send({ status: 'sent', sid });
    },
    urlOf,
    /** Calls back on the URL that the attempt with this SID was sent with. */
    callBack: (sid: string, status: string) =>
      twilio.post(urlOf(sid), fields(sid, status)).expect(204),
    /** Reports what is named by its type, its SID and possibly its callback URL through Event Streams. */
    postEvents: (
      instance: string,
      events: (readonly [type: string, sid: string, url?: string])[],
    ) =>
      twilio
        .postEvents(
          instance,
          events.map(([type, messageSid, statusCallBackUrl]) => ({
            id: `${type} ${messageSid}`,
            type: `com.twilio.messaging.message.${type}`,
            data: { accountSid: ACCOUNT_SID, messageSid, statusCallBackUrl },
          })),
        )
        .expect(204),
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

for (const { name, url } of DATABASES) {
  describeOn(url)(`a message whose answer was lost, on ${name}`, () => {
    let a: Awaited<ReturnType<typeof start>>;
    let numbers = 0;
    const numberOf = (fate: Fate) => {
      const phoneNumber = fictionalNumber(++numbers);
      a.t.simulator.script(phoneNumber, fate);
      return phoneNumber;
    };
    const heardOf = (requestId: string) =>
      a.t.listener.events.flatMap((event) => (event.requestId === requestId ? [event.type] : []));

    describe('where no other program sends', () => {
      beforeAll(async () => {
        a = await start({ isExclusive: true }, url);
      });
      afterAll(() => a.t.stop());

      it('is not sent again, however often Twilio was asked for it', async () => {
        const requestId = await a.lose('held', numberOf({ faults: ['errorBefore'] }));
        const posts = a.t.simulator.posts.length;
        for (let lookups = 1; lookups <= 8; lookups++) {
          expect(await a.lookFor(requestId)).toMatchObject({ status: 'unknown', attempts: 1 });
        }
        expect(a.t.simulator.posts).toHaveLength(posts);
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

      it('does not take the SID of another one whose answer comes late', async () => {
        let answer = () => {};
        const answerAfter = new Promise<void>((resolve) => (answer = resolve));
        const phoneNumber = numberOf({ ...FIRST_NEVER_ARRIVES, answerAfter });
        const lost = await a.lose('lost-1', phoneNumber);
        const slow = await a.send('slow', phoneNumber);
        while (a.sidsTo(phoneNumber).length === 0) await once(a.t.simulator, 'post');
        const [sid] = a.sidsTo(phoneNumber);
        const undecided = { status: 'unknown', explanation: expect.stringContaining(sid) };
        expect(await a.lookFor(lost)).toMatchObject(undecided);

        answer();
        expect(await a.t.settled(slow, 'slow', 'sent')).toMatchObject({ sid });
        await a.callBack(sid, 'delivered');
        expect(await a.t.settled(slow, 'slow', 'delivered')).toMatchObject({ sid });
        expect((await a.lookFor(lost)).sid).toBeUndefined();
        expect(await a.lookFor(lost)).toMatchObject({ status: 'unknown' });
      });

      it('does not take the only SID of two whose answers were lost', async () => {
        const faults = ['resetBefore', 'resetAfter'] as const;
        const phoneNumber = numberOf({
          faults,
          statuses: ['sent', 'delivered'],
          callbacks: { dropped: true },
        });
        const both = [await a.lose('lost-2', phoneNumber), await a.lose('lost-3', phoneNumber)];
        const [sid] = a.sidsTo(phoneNumber);
        const undecided = { status: 'unknown', explanation: expect.stringContaining(sid) };
        for (const requestId of [...both, ...both]) {
          const message = await a.lookFor(requestId);
          expect(message).toMatchObject(undecided);
          expect(message.sid).toBeUndefined();
        }
        await a.callBack(sid, 'sent');
        expect(await a.detail(both[1])).toMatchObject({ status: 'sent', sid });
        expect(await a.lookFor(both[0])).toMatchObject({ status: 'unknown' });
      });

      it('does not take what another program has sent instead of a template', async () => {
        const phoneNumber = numberOf(FIRST_NEVER_ARRIVES);
        const lost = await a.lose('template', phoneNumber, TEMPLATE);
        const foreign = await sendElsewhere(a.t, phoneNumber, 'any text');
        expect(await a.lookFor(lost)).toMatchObject({
          status: 'unknown',
          explanation: expect.stringContaining(foreign),
        });
      });

      it('does not take the SID of another one that an operator has settled', async () => {
        for (const status of ['sent', 'discarded', 'queued']) {
          const faults = ['resetBefore', 'resetAfter', 'resetBefore'] as const;
          const phoneNumber = numberOf({ faults, statuses: [] });
          const lost = await a.lose(`lost-${status}`, phoneNumber);
          const arrived = await a.lose(`arrived-${status}`, phoneNumber);
          const { id } = await a.detail(arrived);
          await a.t
            .api()
            .post(`/v3/messages/${String(id)}/resolve`)
            .send({ status })
            .expect(200);
          expect(await a.lookFor(lost)).toMatchObject({ status: 'unknown' });
        }
      });

      it('does not take the SID of another one that a messaging service has sent', async () => {
        const phoneNumber = numberOf({ ...LOST, faults: ['resetBefore', 'resetAfter'] });
        const lost = await a.lose('lost-6', phoneNumber);
        const service = { twilio_whatsapp: { MessagingServiceSid: `MG${'a'.repeat(32)}` } };
        await a.lose('by-service', phoneNumber, { override: service });
        // The service has chosen the number that the other one was sent from.
        const [made] = a.t.simulator.messagesTo(phoneNumber);
        a.t.simulator.messages.set(made.sid, { ...made, from: `whatsapp:${SENDER}` });
        expect(await a.lookFor(lost)).toMatchObject({ status: 'unknown' });
      });

      it('gives back a SID that was found for it, with its status, to the message that proves it', async () => {
        // One arrives, the other one does not; another program sends the same text against what was configured.
        const faults = ['resetBefore', 'resetAfter'] as const;
        const phoneNumber = numberOf({
          faults,
          statuses: ['sent', 'delivered'],
          callbacks: { dropped: true },
        });
        const lost = await a.lose('lost-4', phoneNumber);
        const arrived = await a.lose('arrived', phoneNumber);
        const [sid] = a.sidsTo(phoneNumber);
        await sendElsewhere(a.t, phoneNumber, TEXT);
        await a.t.simulator.idle();
        expect(await a.lookFor(lost)).toMatchObject({ status: 'delivered', sid });

        await a.callBack(sid, 'sent');
        expect(await a.detail(arrived)).toMatchObject({
          status: 'delivered',
          sid,
          attemptLog: [{ outcome: 'accepted', sid, sidSource: 'callback' }],
          events: expect.arrayContaining([
            expect.objectContaining({ type: 'delivered', source: 'poll' }),
            expect.objectContaining({ type: 'sent', source: 'callback' }),
          ]),
        });
        const back = await a.detail(lost);
        expect(back).toMatchObject({
          status: 'unknown',
          explanation: expect.stringContaining(sid),
          attemptLog: [{ outcome: 'ambiguous' }],
          events: [{ type: 'corrected', providerStatus: 'disproved' }],
        });
        for (const field of ['sid', 'sentAt', 'deliveredAt'])
          expect(back).not.toHaveProperty(field);
        expect(heardOf(lost)).toEqual(['sent', 'delivered', 'corrected']);
        expect(heardOf(arrived)).toEqual(['sent', 'delivered']);
      });
    });

    describe('where other programs may send', () => {
      beforeAll(async () => {
        a = await start({}, url);
      });
      afterAll(() => a.t.stop());

      it('does not take what another program has sent to the same person', async () => {
        const phoneNumber = numberOf(FIRST_NEVER_ARRIVES);
        const lost = await a.lose('foreign', phoneNumber);
        const foreign = await sendElsewhere(a.t, phoneNumber, TEXT);
        for (let lookups = 1; lookups <= 2; lookups++) {
          const message = await a.lookFor(lost);
          expect(message).toMatchObject({
            status: 'unknown',
            explanation: expect.stringContaining(foreign),
          });
          expect(message.sid).toBeUndefined();
        }
      });

      it('loses the SID that an operator gave it to the answer that brings it', async () => {
        let answer = () => {};
        const answerAfter = new Promise<void>((resolve) => (answer = resolve));
        const phoneNumber = numberOf({ ...FIRST_NEVER_ARRIVES, answerAfter });
        const lost = await a.lose('lost', phoneNumber);
        const slow = await a.send('slow', phoneNumber);
        while (a.sidsTo(phoneNumber).length === 0) await once(a.t.simulator, 'post');
        const [sid] = a.sidsTo(phoneNumber);
        expect((await a.resolve(lost, sid)).body).toMatchObject({ status: 'sent', sid });
        const { instance } = await a.detail(lost);
        // By its SID alone: the callback URL of the instance does not say which message it is about.
        await a.twilio
          .post(`${a.t.url}/v3/callbacks/twilio_whatsapp/${String(instance)}`, fields(sid, 'read'))
          .expect(204);
        expect(await a.detail(lost)).toMatchObject({ status: 'seen' });

        answer();
        await a.t.settled(slow, 'slow', 'seen');
        const back = await a.detail(lost);
        expect(back).toMatchObject({ status: 'unknown' });
        expect(back.events.map(({ providerStatus }) => providerStatus)).toEqual(
          expect.arrayContaining(['resolved', 'disproved']),
        );
        expect(heardOf(lost).at(-1)).toBe('corrected');
        const taken = await a.resolve(lost, sid);
        expect(taken).toMatchObject({
          status: 409,
          body: { message: expect.stringContaining('sid') },
        });
      });

      it('gives up the SID of another program for its own', async () => {
        const phoneNumber = numberOf(LOST);
        const lost = await a.lose('mistaken', phoneNumber);
        const [own] = a.sidsTo(phoneNumber);
        const foreign = await sendElsewhere(a.t, phoneNumber, TEXT);
        await a.resolve(lost, foreign);
        await a.callBack(own, 'sent');
        expect(await a.detail(lost)).toMatchObject({
          status: 'sent',
          sid: own,
          attemptLog: [{ sid: own, sidSource: 'callback' }],
        });
        expect(heardOf(lost)).toEqual(['sent', 'corrected', 'sent']);
      });

      it('has what Event Streams report with its own callback URL, whoever was given the SID', async () => {
        const phoneNumber = numberOf({ ...LOST, faults: ['resetBefore', 'resetAfter'] });
        const lost = await a.lose('lost-5', phoneNumber);
        const arrived = await a.lose('arrived-5', phoneNumber);
        const [sid] = a.sidsTo(phoneNumber);
        await a.resolve(lost, sid);
        const { instance } = await a.detail(lost);
        await a.postEvents(String(instance), [['delivered', sid, a.urlOf(sid)]]);
        expect(await a.detail(arrived)).toMatchObject({ status: 'delivered', sid });
        expect(await a.detail(lost)).toMatchObject({ status: 'unknown' });
      });

      it('loses its SID with reports that stay as they came', async () => {
        const phoneNumber = numberOf({ ...LOST, faults: ['resetBefore', 'resetAfter'] });
        const lost = await a.lose('lost-7', phoneNumber);
        const arrived = await a.lose('arrived-7', phoneNumber);
        const [sid] = a.sidsTo(phoneNumber);
        await a.resolve(lost, sid);
        const { instance } = await a.detail(lost);
        await a.postEvents(String(instance), [['canceled', sid]]);
        expect(await a.detail(lost)).toMatchObject({ status: 'discarded', reason: 'canceled' });
        await a.callBack(sid, 'sent');
        const owner = await a.detail(arrived);
        expect(owner).toMatchObject({
          status: 'discarded',
          reason: 'canceled',
          attemptLog: [{ sid, sidSource: 'callback' }],
        });
        expect(owner).not.toHaveProperty('errorCode');
        expect(await a.detail(lost)).toMatchObject({ status: 'unknown' });
      });

      it('does not get what comes by a SID that it gives up at this moment', async () => {
        const phoneNumber = numberOf(BOTH_LOST);
        const [one, two] = [await a.lose('one', phoneNumber), await a.lose('two', phoneNumber)];
        const { id, instance } = await a.detail(one);
        const sids = a.sidsTo(phoneNumber);
        const own = sids.find((sid) => a.urlOf(sid).includes(String(id)))!;
        const other = sids.find((sid) => sid !== own)!;
        await a.resolve(one, other);
        await a.postEvents(String(instance), [
          ['sent', own, a.urlOf(own)],
          ['read', other],
        ]);
        expect(await a.detail(one)).toMatchObject({ status: 'sent', sid: own });
        await a.callBack(other, 'read');
        expect(await a.detail(two)).toMatchObject({ status: 'seen', sid: other });
      });
    });
  });
}

describe('resend-after-verify', () => {
  let a: Awaited<ReturnType<typeof start>>;
  let numbers = 0;
  beforeAll(async () => {
    a = await start({ ambiguousPolicy: 'resend-after-verify', isExclusive: true });
  });
  afterAll(() => a.t.stop());

  const lose = async (fate: Fate, more?: object) => {
    const phoneNumber = fictionalNumber(++numbers);
    a.t.simulator.script(phoneNumber, fate);
    return { phoneNumber, requestId: await a.lose(`user-${numbers}`, phoneNumber, more) };
  };
  const isHeld = async (requestId: string) => {
    for (let lookups = 1; lookups <= 6; lookups++) {
      expect(await a.lookFor(requestId)).toMatchObject({ status: 'unknown', attempts: 1 });
    }
  };

  it('sends nothing again that an entry of the list may be, whatever its text', async () => {
    for (const more of [
      TEMPLATE,
      { override: { twilio_whatsapp: { ContentRetention: 'discard' } } },
      { override: { twilio_whatsapp: { ShortenUrls: true } } },
    ]) {
      const { requestId } = await lose(LOST, more);
      await isHeld(requestId);
    }
    const trial = await lose(LOST);
    const [own] = a.t.simulator.messagesTo(trial.phoneNumber);
    own.form.set('Body', `Sent from your Twilio trial account - ${TEXT}`);
    await isHeld(trial.requestId);
  });

  it('sends nothing again because another message was given its SID', async () => {
    const { phoneNumber, requestId } = await lose({
      faults: ['resetAfter', 'resetBefore'],
      statuses: [],
    });
    const [sid] = a.sidsTo(phoneNumber);
    const other = await a.lose('other', phoneNumber);
    await a.resolve(other, sid);
    await isHeld(requestId);
  });

  it('sends nothing again that a list does not go back to', async () => {
    const { phoneNumber, requestId } = await lose({ faults: ['errorBefore'], statuses: [] });
    await Promise.all(
      Array.from({ length: 50 }, () => sendElsewhere(a.t, phoneNumber, 'something else')),
    );
    await isHeld(requestId);
    a.t.simulator.messages.clear();
    // What was asked before does not count: four complete answers are needed.
    for (let lookups = 1; lookups <= 3; lookups++) {
      expect(await a.lookFor(requestId)).toMatchObject({ status: 'unknown', attempts: 1 });
    }
    expect(await a.lookFor(requestId)).toMatchObject({ status: 'queued' });
  });
});
