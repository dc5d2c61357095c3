import { setTimeout as delay } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import type { NotificationView } from '../../src/index.js';
import type { SimulatedPost } from '../../src/simulator/index.js';
import {
  OTHER_SENDER,
  SENDER,
  startApplication,
  type TestApplication,
} from '../support/application.js';

const MESSAGING_SERVICE = `MG${'5'.repeat(32)}`;
const CONTENT_SID = `HX${'1'.repeat(32)}`;
const BSUID = 'FI.2782093025461119';

describe('addresses', () => {
  let t: TestApplication;
  let users = 0;

  beforeAll(async () => {
    t = await startApplication();
  });
  afterAll(() => t.stop());

  /** Sends to one recipient. @returns the message once it is seen or discarded */
  const sent = async (
    profile: Record<string, unknown>,
    override: Record<string, unknown> = {},
  ): Promise<Record<string, unknown>> => {
    const { body } = await t
      .api()
      .post('/v3/notifications')
      .send({
        notification: { title: 'Hello' },
        sendTo: { recipients: [{ identifier: `user-${++users}`, ...profile }] },
        override: { twilio_whatsapp: override },
      })
      .expect(202);
    const path = `/v3/notifications/${body.requestId as string}`;
    for (const deadline = performance.now() + 5000; ; await delay(5)) {
      const answer = await t.api().get(path).expect(200);
      const [message] = (answer.body as NotificationView).messages.items;
      if (['seen', 'discarded'].includes(message.status)) return { ...message };
      if (performance.now() > deadline) throw new Error(`still ${message.status} after 5 s`);
    }
  };
  const lastPost = (): SimulatedPost => t.simulator.posts.at(-1)!;

  // Forms in which WhatsApp still knows older accounts.
  it.each(['+5215512345678', '+22997000000'])(
    'are tried although libphonenumber has dropped them: %s',
    async (phoneNumber) => {
      expect(await sent({ phoneNumber })).toMatchObject({ status: 'seen', to: phoneNumber });
      expect(lastPost().form.get('To')).toBe(`whatsapp:${phoneNumber}`);
      await sent({}, { To: phoneNumber });
      expect(lastPost().form.get('To')).toBe(`whatsapp:${phoneNumber}`);
    },
  );

  it('may have any calling code where a request names them in To', async () => {
    expect(await sent({}, { To: '+999123456789' })).toMatchObject({ status: 'seen' });
    expect(await sent({}, { To: '+44 7700 900100' })).toMatchObject({
      reason: 'phone_invalid',
    });
    expect(await sent({ phoneNumber: '+999123456789' })).toMatchObject({
      reason: 'phone_invalid',
    });
  });

  it('may be business-scoped user ids without their prefix', async () => {
    for (const message of [
      await sent({ phoneNumber: BSUID }),
      await sent({ phoneNumber: `whatsapp:${BSUID}` }),
      await sent({}, { To: BSUID }),
    ]) {
      expect(message).toMatchObject({ to: `whatsapp:${BSUID}` });
      expect(lastPost().form.get('To')).toBe(`whatsapp:${BSUID}`);
    }
  });

  it.each(['From', 'from'])('may be a messaging service in %s', async (key) => {
    const override = { [key]: MESSAGING_SERVICE, ContentSid: CONTENT_SID };
    const message = await sent({ phoneNumber: '+447700900100' }, override);
    expect(message.from).toBeUndefined();
    expect(lastPost().form.getAll('From')).toEqual([MESSAGING_SERVICE]);
    expect(lastPost().form.has('MessagingServiceSid')).toBe(false);
  });

  it.each([
    ['_config', { _config: { TWILIO_FROM_NUMBER: OTHER_SENDER } }, `whatsapp:${OTHER_SENDER}`],
    ['a key', { TWILIO_FROM_NUMBER: OTHER_SENDER }, `whatsapp:${OTHER_SENDER}`],
    ['From', { From: OTHER_SENDER }, `whatsapp:${OTHER_SENDER}`],
    ['the instance’s number', { _config: { TWILIO_FROM_NUMBER: SENDER } }, `whatsapp:${SENDER}`],
    ['nothing', {}, null],
  ])('of a sender go out beside a messaging service: %s', async (_case, override, from) => {
    await sent(
      { phoneNumber: '+447700900100' },
      { ...override, MessagingServiceSid: MESSAGING_SERVICE },
    );
    const { form } = lastPost();
    expect([form.get('From'), form.get('MessagingServiceSid')]).toEqual([from, MESSAGING_SERVICE]);
  });

  it('of a sender share its rate, with and without a messaging service', async () => {
    const From = '+14155550142';
    await sent({ phoneNumber: '+447700900100' }, { From });
    await sent({ phoneNumber: '+447700900100' }, { From, MessagingServiceSid: MESSAGING_SERVICE });
    const senders = await t.app
      .get(DataSource, { strict: false })
      .query('SELECT DISTINCT sender FROM twilio_whatsapp_message WHERE from_address = ?', [From]);
    expect(senders).toHaveLength(1);
  });

  it('of another messaging service in From are no sender', async () => {
    const message = await sent(
      { phoneNumber: '+447700900100' },
      { From: `MG${'6'.repeat(32)}`, MessagingServiceSid: MESSAGING_SERVICE },
    );
    expect(message).not.toHaveProperty('from');
  });
});
