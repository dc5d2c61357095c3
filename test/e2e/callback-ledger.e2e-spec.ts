import { DataSource } from 'typeorm';
import { Database } from '../../src/database/database.js';
import { MessageLedger } from '../../src/delivery/ledger.js';
import {
  ENCRYPTION_KEY,
  startApplication,
  startHost,
  type TestApplication,
} from '../support/application.js';
import { CallbackClient, fields, sign, type SentMessage } from '../support/callback-forms.js';
import { DATABASES, describeOn } from '../support/databases.js';

/** Finds who waits for a lock in the database at hand. */
const WAITING: Record<string, string> = {
  PostgreSQL: `SELECT 1 FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  MariaDB: `SELECT 1 FROM information_schema.innodb_trx
    JOIN information_schema.processlist ON id = trx_mysql_thread_id
    WHERE db = DATABASE() AND trx_state = 'LOCK WAIT'`,
};
/** MariaDB looks for them anew when nobody has asked for a tenth of a second. */
const LOOK_MS = 110;

for (const { name, url } of DATABASES) {
  describeOn(url)(`the ledger of callbacks on ${name}`, () => {
    let t: TestApplication;
    let twilio: CallbackClient;
    let ledger: MessageLedger;

    beforeAll(async () => {
      t = await startApplication({ database: url });
      twilio = new CallbackClient(t);
      ledger = t.app.get(MessageLedger, { strict: false });
    });
    afterAll(() => t.stop());

    const report = async ({ url: callback, sid }: SentMessage, ...statuses: string[]) => {
      for (const status of statuses) await twilio.post(callback, fields(sid, status)).expect(204);
    };

    /** What listeners were told of a message so far, `sent` aside; a marker message shows that they are up to date. */
    const told = async ({ id }: SentMessage) => {
      const marker = await twilio.sentMessage();
      await report(marker, 'canceled');
      await t.listener.waitFor(
        ({ messageId, type }) => messageId === marker.id && type === 'discarded',
      );
      return t.listener.events
        .filter(({ messageId, type }) => messageId === id && type !== 'sent')
        .map(({ type }) => type);
    };

    it('keeps every distinct callback once, with what came in, redacted', async () => {
      const message = await twilio.sentMessage();
      const failure = {
        ...fields(message.sid, 'undelivered', { ErrorCode: '63024', EventType: 'READ' }),
        To: 'whatsapp:+447700900100',
        From: 'whatsapp:+14155238886',
        ChannelToAddress: '+44770090XXXX',
        ChannelStatusMessage: 'No "user" at +447700900100',
        Body: 'Hello',
        FieldOfTomorrow: 'x',
      };
      await twilio.post(message.url, failure).expect(204);
      await twilio.post(message.url, { ...failure, ChannelToAddress: '' }).expect(204);
      await twilio.post(message.url, fields(message.sid, 'failed')).expect(204);
      const { events } = await twilio.detail(message.id);
      expect(events).toHaveLength(3);
      const [, undelivered, failed] = events;
      expect(undelivered).toMatchObject({
        providerStatus: 'undelivered',
        errorCode: 63024,
        source: 'callback',
        raw: {
          MessageStatus: 'undelivered',
          ErrorCode: '63024',
          EventType: 'READ',
          To: 'whatsapp:+44••••00',
          ChannelStatusMessage: 'No "user" at ••••',
          Body: '••••',
          FieldOfTomorrow: '••••',
        },
      });
      expect(failed).toMatchObject({ errorCode: 0, raw: { MessageStatus: 'failed' } });
      expect(events[0]).not.toHaveProperty('raw');
    });

    it('takes callbacks of URLs that were made with an encryption key of before', async () => {
      const message = await twilio.sentMessage();
      const newKey = Buffer.alloc(32, 9).toString('base64');
      const host = await startHost(t.database.options, t.simulator.url, {
        options: { encryptionKeys: [newKey, ENCRYPTION_KEY], publicUrl: t.url },
      });
      const form = fields(message.sid, 'delivered');
      const answer = await fetch(message.url.replace(t.url, host.url), {
        method: 'POST',
        headers: { 'X-Twilio-Signature': sign(message.url, form) },
        body: new URLSearchParams(form),
      });
      expect(answer.status).toBe(204);
      expect(await twilio.detail(message.id)).toMatchObject({ status: 'delivered' });
      await host.app.close();
    });

    it('knows when it was delivered and when it was seen, though the reading is reported first', async () => {
      const message = await twilio.sentMessage();
      await report(message, 'read');
      const read = await twilio.detail(message.id);
      expect(read).toMatchObject({ status: 'seen', seenAt: read.deliveredAt });
      await report(message, 'delivered');
      const both = await twilio.detail(message.id);
      expect(both).toMatchObject({ status: 'seen', deliveredAt: read.deliveredAt });
      expect(both.events.map(({ providerStatus }) => providerStatus)).toContain('delivered');
      expect(await told(message)).toEqual(['delivered', 'seen']);
    });

    it('takes undelivered and failed for one failure', async () => {
      const message = await twilio.sentMessage();
      const code = { ErrorCode: '63016' };
      await twilio.post(message.url, fields(message.sid, 'undelivered', code)).expect(204);
      await twilio.post(message.url, fields(message.sid, 'failed', code)).expect(204);
      expect(await twilio.detail(message.id)).toMatchObject({
        status: 'discarded',
        reason: 'window_closed',
      });
      expect(await told(message)).toEqual(['discarded']);
    });

    it('leaves an attempt the SID that it has been given', async () => {
      const message = await twilio.sentMessage();
      await ledger.record(message.id, {
        kind: 'accepted',
        at: Date.now(),
        sid: `SM${'7'.repeat(32)}`,
        providerStatus: 'queued',
        attempt: 1,
        fence: 0,
      });
      const { attemptLog, sid } = await twilio.detail(message.id);
      expect(sid).toBe(message.sid);
      expect(attemptLog).toMatchObject([{ outcome: 'accepted', sid: message.sid }]);
    });

    it('believes Twilio though the SID was given to another message', async () => {
      const phoneNumber = '+447700900170';
      t.simulator.script(phoneNumber, { faults: ['errorAfter', 'errorAfter'], statuses: [] });
      const recipients = ['twin-1', 'twin-2'].map((identifier) => ({ identifier, phoneNumber }));
      const { body } = await t
        .api()
        .post('/v3/notifications')
        .send({ notification: { title: 'Hello' }, sendTo: { recipients } });
      const [one, two] = await Promise.all(
        recipients.map(({ identifier }) => t.settled(body.requestId, identifier, 'unknown')),
      );
      const atTwilio = t.simulator
        .messagesTo(phoneNumber)
        .map(({ sid, form }) => ({ sid, url: form.get('StatusCallback')! }))
        .find(({ url: callback }) => callback.includes(String(two.id)))!;
      await ledger.record(String(one.id), {
        kind: 'reported',
        at: Date.now(),
        source: 'poll',
        sid: atTwilio.sid,
        providerStatus: 'sent',
        type: 'sent',
        matchedBy: 'list',
        attempt: 1,
      });
      await twilio.post(atTwilio.url, fields(atTwilio.sid, 'delivered')).expect(204);
      expect((await twilio.detail(String(two.id))).status).toBe('delivered');
    });

    it('leaves an attempt to the callback that has settled it, whatever is answered later', async () => {
      const phoneNumber = '+447700900180';
      t.simulator.script(phoneNumber, {
        faults: ['errorAfter'],
        statuses: ['sent'],
        callbacks: { early: true },
      });
      const { body } = await t
        .api()
        .post('/v3/notifications')
        .send({
          notification: { title: 'x' },
          sendTo: { recipients: [{ identifier: 'settled', phoneNumber }] },
        })
        .expect(202);
      const { id, instance } = await t.settled(body.requestId, 'settled', 'sent');
      await ledger.record(String(id), { kind: 'ambiguous', at: Date.now(), attempt: 1, fence: 0 });
      const [{ sid }] = t.simulator.messagesTo(phoneNumber);
      const { attemptLog } = await twilio.detail(String(id));
      expect(attemptLog).toMatchObject([{ outcome: 'accepted', sid }]);
      const instanceUrl = `${t.url}/v3/callbacks/twilio_whatsapp/${String(instance)}`;
      await twilio.post(instanceUrl, fields(sid, 'delivered')).expect(204);
      expect((await twilio.detail(String(id))).status).toBe('delivered');
    });

    it('never erases an explanation', async () => {
      const message = await twilio.sentMessage();
      const explained = fields(message.sid, 'undelivered', { ErrorCode: '63016' });
      await twilio.post(message.url, explained).expect(204);
      const before = await twilio.detail(message.id);
      await report(message, 'failed', 'undelivered', 'sent');
      const { reason, explanation, errorCode } = await twilio.detail(message.id);
      expect({ reason, explanation, errorCode }).toEqual({
        reason: before.reason,
        explanation: before.explanation,
        errorCode: 63016,
      });
    });

    it('lets delivery win over failure', async () => {
      const message = await twilio.sentMessage();
      await twilio
        .post(message.url, fields(message.sid, 'failed', { ErrorCode: '63016' }))
        .expect(204);
      await report(message, 'delivered');
      const detail = await twilio.detail(message.id);
      expect(detail).toMatchObject({ status: 'delivered' });
      expect(detail).not.toHaveProperty('discardedAt');
      expect(detail).not.toHaveProperty('reason');
      expect(await told(message)).toEqual(['discarded', 'delivered']);
    });

    it('changes nothing when a callback is repeated a hundred times, in any order', async () => {
      const message = await twilio.sentMessage();
      const statuses = ['sent', 'delivered', 'undelivered', 'read'];
      await report(message, ...statuses);
      const rows = () =>
        t.app
          .get(Database, { strict: false })
          .query(
            'SELECT * FROM twilio_whatsapp_delivery_event WHERE message_id = ? ORDER BY provider_status',
            message.id,
          );
      const before = { message: await twilio.detail(message.id), rows: await rows() };
      const all = Array.from({ length: 100 }, () => statuses).flat();
      // Shuffled by steps that share no factor with the length: every order is another one, and the same in each run.
      const shuffled = all.map((_status, index) => all[(index * 149) % all.length]);
      await Promise.all(shuffled.map((status) => report(message, status)));
      expect({ message: await twilio.detail(message.id), rows: await rows() }).toEqual(before);
    });

    // SQLite has one writer at a time.
    if (url === 'sqlite') return;

    it('waits for what another node is about to store, and goes on from there', async () => {
      const { id, sid } = await twilio.sentMessage();
      const dataSource = t.app.get(DataSource, { strict: false });
      let isRecorded = false;
      let recorded: Promise<void> | undefined;
      await dataSource.transaction(async (node) => {
        await node.query(
          `UPDATE twilio_whatsapp_message SET status = 'seen', due_at = NULL, delivered_at = 1, seen_at = 2 WHERE id = '${id}'`,
        );
        recorded = ledger
          .record(id, {
            kind: 'reported',
            at: Date.now(),
            source: 'callback',
            sid,
            providerStatus: 'delivered',
            type: 'delivered',
            matchedBy: 'sid',
          })
          .then(() => {
            isRecorded = true;
          });
        const deadline = Date.now() + 20_000;
        while ((await dataSource.query(WAITING[name])).length === 0) {
          if (Date.now() > deadline) throw new Error('nothing waits for a lock after 20 s');
          await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
        }
        expect(isRecorded).toBe(false);
      });
      await recorded;
      const { status, deliveredAt, events } = await twilio.detail(id);
      expect({ status, deliveredAt }).toEqual({
        status: 'seen',
        deliveredAt: new Date(1).toISOString(),
      });
      expect(events.map(({ providerStatus }) => providerStatus)).toContain('delivered');
    });
  });
}
