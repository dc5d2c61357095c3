import { DataSource } from 'typeorm';
import { Claims } from '../../src/delivery/claims.js';
import { Dispatcher } from '../../src/delivery/dispatcher.js';
import { TwilioWhatsappSender } from '../../src/index.js';
import { fictionalNumber, startApplication, type TestApplication } from '../support/application.js';
import { DATABASES, describeOn } from '../support/databases.js';

const LEASE_MS = 60_000;
const notification = { title: 'Hello' };

// SQLite has one writer at a time: it knows no rows that are held.
for (const { name, url } of DATABASES.slice(1)) {
  describeOn(url)(`while a host’s transaction on ${name} holds a row`, () => {
    let t: TestApplication;
    let sender: TwilioWhatsappSender;
    let dataSource: DataSource;

    beforeAll(async () => {
      t = await startApplication({
        database: url,
        options: { delivery: { pollIntervalMs: 60_000 } },
      });
      sender = t.app.get(TwilioWhatsappSender, { strict: false });
      dataSource = t.app.get(DataSource, { strict: false });
      // The test itself is the worker.
      t.app.get(Dispatcher, { strict: false }).onModuleDestroy();
      // Of small tables, MariaDB reads and locks every row to find a few.
      const sendAt = new Date(Date.now() + 3_600_000).toISOString();
      await Promise.all(
        Array.from({ length: 200 }, () =>
          sender.send({ notification, sendTo: { recipients: ['later'] }, sendAt }),
        ),
      );
    });
    afterAll(() => t.stop());

    it('claims pass the message over, and take it afterwards', async () => {
      const claims = t.app.get(Claims, { strict: false });
      const recipients = ['held', 'free'].map((identifier, index) => ({
        identifier,
        phoneNumber: fictionalNumber(index),
      }));
      const { requestId } = await sender.send({ notification, sendTo: { recipients } });
      const { messages } = await sender.status(requestId);
      const idOf = (recipient: string) =>
        messages.items.find((message) => message.recipient === recipient)!.id;
      await dataSource.transaction(async (transaction) => {
        await transaction.query(
          `SELECT id FROM twilio_whatsapp_message WHERE id = '${idOf('held')}' FOR UPDATE`,
        );
        const passing = await claims.take(LEASE_MS);
        expect(passing.messages.map(({ id }) => id)).toEqual([idOf('free')]);
      });
      const { messages: after } = await claims.take(LEASE_MS);
      expect(after.map(({ id }) => id)).toEqual([idOf('held')]);
    });

    it('a notification that says nothing new about a user does not wait for theirs', async () => {
      const request = {
        notification,
        sendTo: { recipients: [{ identifier: 'known', phoneNumber: fictionalNumber(2) }] },
      };
      await sender.send(request);
      await dataSource.transaction(async (transaction) => {
        await transaction.query(
          `SELECT identifier FROM twilio_whatsapp_user WHERE identifier = 'known' FOR UPDATE`,
        );
        await sender.send(request);
      });
    });

    it('a notification without a key waits for none', async () => {
      const plain = { notification, sendTo: { recipients: ['nobody'] } };
      // MariaDB holds the gap before a key as well: those without one stand before the first.
      await sender.send(plain, { idempotencyKey: 'first' });
      let repeated: Promise<{ requestId: string }> | undefined;
      const first = await dataSource.transaction('READ COMMITTED', async (transaction) => {
        const accepted = await sender.send(plain, { idempotencyKey: 'held', transaction });
        repeated = sender.send(plain, { idempotencyKey: 'held' });
        // When the second is accepted, the repetition has long been waiting.
        await sender.send(plain);
        await sender.send(plain);
        return accepted;
      });
      expect(await repeated).toEqual(first);
    });
  });
}
