import { jest } from '@jest/globals';
import { once } from 'node:events';
import { DataSource } from 'typeorm';
import { Database } from '../../src/database/database.js';
import { query } from '../../src/database/transaction.js';
import { MessageLedger } from '../../src/delivery/ledger.js';
import { ProviderInstances } from '../../src/providers/provider-instances.service.js';
import { TwilioWhatsappSender } from '../../src/index.js';
import type { Fate } from '../../src/simulator/index.js';
import {
  AUTH_TOKEN,
  fictionalNumber,
  PROVIDER,
  SENDER,
  startApplication,
  startHost,
  type TestApplication,
} from '../support/application.js';
import { DATABASES, describeOn } from '../support/databases.js';
import { eventually } from '../support/eventually.js';

for (const { name, url } of DATABASES) {
  describeOn(url)(`delivery on ${name}`, () => {
    let t: TestApplication;
    let sender: TwilioWhatsappSender;
    let numbers = 0;
    const isSqlite = url === 'sqlite';

    beforeAll(async () => {
      t = await startApplication({ database: url, options: { delivery: { isExclusive: true } } });
      sender = t.app.get(TwilioWhatsappSender, { strict: false });
    });
    afterAll(() => t.stop());

    /** Sends to a new user whose messages meet the fate. */
    async function sendTo(fate: Fate, more: object = {}) {
      const phoneNumber = fictionalNumber(++numbers);
      const recipient = `user-${numbers}`;
      t.simulator.script(phoneNumber, fate);
      const { requestId } = await sender.send({
        notification: { title: 'Hello' },
        sendTo: { recipients: [{ identifier: recipient, phoneNumber }] },
        ...more,
      });
      return {
        requestId,
        recipient,
        phoneNumber,
        posts: () => t.simulator.posts.filter(({ to }) => to === `whatsapp:${phoneNumber}`),
      };
    }

    it('tells listeners what was learnt, in order', async () => {
      const { requestId } = await sendTo({}, { data: { order: 7 } });
      const seen = await t.listener.waitFor(
        (event) => event.requestId === requestId && event.type === 'seen',
      );
      const events = t.listener.events.filter((event) => event.requestId === requestId);
      expect(events.map(({ type }) => type)).toEqual(['sent', 'delivered', 'seen']);
      expect(seen).toMatchObject({
        data: { order: 7 },
        from: SENDER,
        sid: expect.stringMatching(/^SM/),
        occurredAt: expect.any(Date),
      });
    });

    it('tells listeners of a failure once, with its explanation', async () => {
      const { requestId, recipient } = await sendTo({
        statuses: ['sent', 'undelivered', 'failed'],
        errorCode: 63016,
      });
      await t.settled(requestId, recipient, 'discarded');
      await t.simulator.idle();
      const discarded = t.listener.events.filter(
        (event) => event.requestId === requestId && event.type === 'discarded',
      );
      expect(discarded).toEqual([
        expect.objectContaining({
          reason: 'window_closed',
          errorCode: 63016,
          explanation: expect.stringContaining('24 hours'),
        }),
      ]);
    });

    it('gives up what Twilio refuses, at once', async () => {
      const { requestId, recipient, posts } = await sendTo({ refuse: 21211 });
      const message = await t.settled(requestId, recipient, 'discarded');
      expect(message).toMatchObject({ reason: 'phone_invalid', errorCode: 21211, attempts: 1 });
      expect(posts()).toHaveLength(1);
    });

    it('sends again what was certainly not sent', async () => {
      const { requestId, recipient, posts } = await sendTo({
        faults: ['tooManyRequests'],
        retryAfter: 0,
      });
      const message = await t.settled(requestId, recipient, 'seen');
      expect(message.attempts).toBe(2);
      expect(posts().map(({ fault }) => fault)).toEqual(['tooManyRequests', undefined]);
    });

    it.each(['errorBefore', 'resetBefore'] as const)(
      'never sends again what may have been sent: %s',
      async (fault) => {
        const { requestId, recipient, posts } = await sendTo({ faults: [fault] });
        const message = await t.settled(requestId, recipient, 'unknown');
        expect(message).toMatchObject({ reason: 'outcome_unknown', attempts: 1 });
        expect(posts()).toHaveLength(1);
      },
    );

    it.each(['errorAfter', 'resetAfter', 'malformedAfter'] as const)(
      'learns from a callback that it was sent all the same: %s',
      async (fault) => {
        const { requestId, recipient, posts } = await sendTo({ faults: [fault] });
        await t.settled(requestId, recipient, 'seen');
        expect(posts()).toHaveLength(1);
      },
    );

    it('sends again what failed because a limit was exceeded', async () => {
      const { requestId, recipient, phoneNumber, posts } = await sendTo({
        statuses: ['sent', 'undelivered', 'failed'],
        errorCode: 63018,
        next: {},
      });
      const message = await t.settled(requestId, recipient, 'seen');
      const [failed, arrived] = t.simulator.messagesTo(phoneNumber);
      expect(message).toMatchObject({ attempts: 2, sid: arrived.sid });
      expect(posts()).toHaveLength(2);
      await t.simulator.idle();
      const { body } = await t.api().get(`/v3/messages/${String(message.id)}`);
      const events = (body as { events: { type?: string; providerStatus: string }[] }).events;
      expect(events).toContainEqual(
        expect.objectContaining({ providerStatus: 'failed', errorCode: 63018 }),
      );
      expect(events.filter(({ type }) => type === 'discarded')).toEqual([]);
      expect(body.attemptLog).toMatchObject([{ sid: failed.sid }, { sid: arrived.sid }]);
    });

    it('waits for the time it was told', async () => {
      const sendAt = Date.now() + 200;
      const { requestId, recipient } = await sendTo({}, { sendAt: new Date(sendAt).toISOString() });
      const message = await t.settled(requestId, recipient, 'seen');
      expect(Date.parse(message.sentAt as string)).toBeGreaterThanOrEqual(sendAt);
    });

    it('sends what a host’s transaction commits, and nothing of what it takes back', async () => {
      const dataSource = t.app.get(DataSource, { strict: false });
      const request = (identifier: string) => ({
        notification: { title: 'Hello' },
        sendTo: { recipients: [{ identifier, phoneNumber: '+447700900100' }] },
      });
      const before = t.simulator.posts.length;
      const undone = dataSource.transaction(async (transaction) => {
        await sender.send(request('undone'), { transaction });
        await new Promise((resolve) => setTimeout(resolve, 60));
        throw new Error('the host changed its mind');
      });
      await expect(undone).rejects.toThrow('the host changed its mind');
      const { requestId } = await dataSource.transaction(async (transaction) => {
        const accepted = await sender.send(request('done'), { transaction });
        // Longer than the dispatcher waits between its looks.
        await new Promise((resolve) => setTimeout(resolve, 60));
        expect(t.simulator.posts).toHaveLength(before);
        return accepted;
      });
      await t.settled(requestId, 'done', 'seen');
      expect(t.simulator.posts).toHaveLength(before + 1);
      const { body } = await t.api().get('/v3/messages?recipient=undone').expect(200);
      expect(body.items).toEqual([]);
    });

    it('keeps its own rows when a host’s transaction beside it is taken back', async () => {
      const dataSource = t.app.get(DataSource, { strict: false });
      let accepted: ReturnType<typeof sendTo> | undefined;
      const undone = dataSource.transaction(async (manager) => {
        await manager.query('SELECT 1');
        accepted = sendTo({});
        await new Promise((resolve) => setTimeout(resolve, 50));
        throw new Error('taken back');
      });
      await expect(undone).rejects.toThrow('taken back');
      const { requestId, recipient, posts } = await accepted!;
      await t.settled(requestId, recipient, 'seen');
      expect(posts()).toHaveLength(1);
    });

    it('accepts one of many concurrent repetitions under a key', async () => {
      const request = {
        notification: { title: 'Hello' },
        sendTo: { recipients: [{ identifier: 'once', phoneNumber: '+447700900100' }] },
      };
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => sender.send(request, { idempotencyKey: `key-${name}` })),
      );
      expect(new Set(answers.map(({ requestId }) => requestId)).size).toBe(1);
      const { messages } = await sender.status(answers[0].requestId);
      expect(messages.items).toHaveLength(1);
    });

    it('knows a key again within a host’s transaction that looks at an older state', async () => {
      const dataSource = t.app.get(DataSource, { strict: false });
      const request = { notification: { title: 'Hello' }, sendTo: { recipients: ['nobody'] } };
      const again = await dataSource.transaction(async (transaction) => {
        await transaction.query('SELECT COUNT(*) FROM twilio_whatsapp_notification');
        const first = isSqlite
          ? await sender.send(request, { idempotencyKey: `old-${name}`, transaction })
          : await sender.send(request, { idempotencyKey: `old-${name}` });
        const second = await sender.send(request, { idempotencyKey: `old-${name}`, transaction });
        expect(second).toEqual(first);
        return second;
      });
      const { messages } = await sender.status(again.requestId);
      expect(messages.items).toHaveLength(1);
    });

    it('finds users that the same transaction has made', async () => {
      const dataSource = t.app.get(DataSource, { strict: false });
      const notification = { title: 'Hello' };
      const { requestId } = await dataSource.transaction(async (transaction) => {
        const inline = [{ identifier: 'fresh', phoneNumber: '+447700900100' }];
        await sender.send({ notification, sendTo: { recipients: inline } }, { transaction });
        return sender.send({ notification, sendTo: { recipients: ['fresh'] } }, { transaction });
      });
      await t.settled(requestId, 'fresh', 'seen');
    });

    it('refuses a transaction that is not open', async () => {
      const { manager } = t.app.get(DataSource, { strict: false });
      const request = { notification: { title: 'Hello' }, sendTo: { recipients: ['nobody'] } };
      await expect(sender.send(request, { transaction: manager })).rejects.toThrow(
        'open transaction',
      );
    });

    it('stores the outcome when the database is back', async () => {
      const database = t.app.get(Database, { strict: false });
      const transaction = database.transaction.bind(database);
      t.simulator.once('post', () => {
        let failures = 1;
        database.transaction = (begin) =>
          failures-- > 0 ? Promise.reject(new Error('the database stumbled')) : transaction(begin);
      });
      const { requestId, recipient, posts } = await sendTo({ statuses: [] });
      const message = await t.settled(requestId, recipient, 'sent');
      database.transaction = transaction;
      expect(message.attempts).toBe(1);
      expect(posts()).toHaveLength(1);
      const { body } = await t.api().get(`/v3/messages/${String(message.id)}`);
      expect(body.events).toMatchObject([{ type: 'sent', source: 'response' }]);
      expect(body.attemptLog).toMatchObject([{ outcome: 'accepted', httpStatus: 201 }]);
    });

    it('gives up what a deleted instance has not sent', async () => {
      const instances = t.app.get(ProviderInstances, { strict: false });
      const { id } = await instances.create({
        name: 'doomed',
        config: PROVIDER,
      });
      const { requestId, recipient, posts } = await sendTo(
        {},
        {
          sendAt: new Date(Date.now() + 100).toISOString(),
          override: { twilio_whatsapp: { _instance: 'doomed' } },
        },
      );
      await instances.remove(id);
      expect(await t.settled(requestId, recipient, 'discarded')).toMatchObject({
        reason: 'instance_deleted',
        attempts: 0,
      });
      expect(posts()).toHaveLength(0);
    });

    describe('when nothing is heard of a message', () => {
      /** Lets the time pass after which Twilio is asked about what it has accepted or may have. */
      const passTime = (requestId: string) =>
        t.app
          .get(Database, { strict: false })
          .query(
            `UPDATE twilio_whatsapp_message SET due_at = 1 WHERE request_id = ? AND status IN ('unknown', 'sent')`,
            requestId,
          );
      const checked = async (requestId: string, times: number) => {
        const database = t.app.get(Database, { strict: false });
        await eventually(
          () =>
            database.query<{ checks: number }>(
              'SELECT checks FROM twilio_whatsapp_message WHERE request_id = ?',
              requestId,
            ),
          ([row]) => row.checks >= times,
        );
      };

      it('asks Twilio for it by its SID', async () => {
        const { requestId, recipient, phoneNumber } = await sendTo({
          callbacks: { dropped: true },
        });
        await t.settled(requestId, recipient, 'sent');
        await t.simulator.idle();
        await passTime(requestId);
        const message = await t.settled(requestId, recipient, 'seen');
        const { body } = await t.api().get(`/v3/messages/${String(message.id)}`);
        expect(body.events.at(-1)).toMatchObject({ type: 'seen', source: 'poll' });
        expect(t.simulator.messagesTo(phoneNumber)).toHaveLength(1);
      });

      it('finds it in Twilio’s list when its answer was lost', async () => {
        const { requestId, recipient, phoneNumber, posts } = await sendTo({
          faults: ['resetAfter'],
          statuses: ['sent', 'undelivered'],
          errorCode: 63016,
          callbacks: { dropped: true },
        });
        await t.settled(requestId, recipient, 'unknown');
        await t.simulator.idle();
        await passTime(requestId);
        const message = await t.settled(requestId, recipient, 'discarded');
        expect(message).toMatchObject({
          reason: 'window_closed',
          sid: t.simulator.messagesTo(phoneNumber)[0].sid,
        });
        expect(posts()).toHaveLength(1);
      });

      it('takes no earlier attempt, which has failed, for the one whose answer was lost', async () => {
        const { requestId, recipient, posts } = await sendTo({
          faults: ['resetAfter', 'errorBefore'],
          statuses: ['sent', 'failed'],
          errorCode: 63018,
        });
        while (posts().length < 2) await once(t.simulator, 'post');
        await t.settled(requestId, recipient, 'unknown');
        await passTime(requestId);
        await checked(requestId, 1);
        await passTime(requestId);
        await checked(requestId, 2);
        expect(await t.settled(requestId, recipient, 'unknown')).toMatchObject({ attempts: 2 });
        expect(posts()).toHaveLength(2);
      });

      it('does not take a failed attempt of another message for it', async () => {
        const lost = { faults: ['errorBefore', 'errorBefore', 'errorBefore'] } as const;
        const { requestId, recipient, phoneNumber } = await sendTo({
          statuses: ['failed'],
          errorCode: 63018,
          next: { statuses: [], next: lost },
        });
        while (t.simulator.messagesTo(phoneNumber).length < 2) {
          await new Promise((resolve) => t.simulator.once('post', resolve));
        }
        await t.settled(requestId, recipient, 'sent');
        const { requestId: other } = await sender.send({
          notification: { title: 'Hello' },
          sendTo: { recipients: [recipient] },
        });
        await t.settled(other, recipient, 'unknown');
        expect(t.simulator.messagesTo(phoneNumber)).toHaveLength(2);
        await passTime(other);
        await checked(other, 1);
        await passTime(other);
        await checked(other, 2);
        expect(await t.settled(other, recipient, 'unknown')).not.toHaveProperty('sid');
      });

      it('leaves it unknown when the list has nothing but other messages', async () => {
        const { requestId, recipient, phoneNumber } = await sendTo({
          faults: ['errorBefore'],
          statuses: [],
        });
        await t.settled(requestId, recipient, 'unknown');
        // The same text to the same number, which Twilio has.
        const { requestId: other } = await sender.send({
          notification: { title: 'Hello' },
          sendTo: { recipients: [{ identifier: recipient, phoneNumber }] },
        });
        await t.settled(other, recipient, 'sent');
        await passTime(requestId);
        await checked(requestId, 1);
        await passTime(requestId);
        await checked(requestId, 2);
        expect(await t.settled(requestId, recipient, 'unknown')).not.toHaveProperty('sid');
      });
    });

    it('keeps messages queued while Twilio refuses the credentials', async () => {
      const instances = t.app.get(ProviderInstances, { strict: false });
      const { id } = await instances.create({
        name: 'refused',
        config: { ...PROVIDER, TWILIO_AUTH_TOKEN: 'not-the-auth-token-at-all' },
      });
      const override = { twilio_whatsapp: { _instance: 'refused' } };
      const first = await sendTo({}, { override });
      await eventually(
        () => sender.status(first.requestId),
        ({ messages }) => messages.items[0].reason === 'credentials_invalid',
      );
      const second = await sendTo({}, { override });
      // By the time that a later one is through, this one has had its turn too.
      const other = await sendTo({});
      await t.settled(other.requestId, other.recipient, 'seen');
      const { messages } = await sender.status(second.requestId);
      expect(messages.items[0]).toMatchObject({ status: 'queued', attempts: 0 });

      await instances.update(id, { config: { TWILIO_AUTH_TOKEN: AUTH_TOKEN } });
      await t.settled(second.requestId, second.recipient, 'seen');
      const waiting = await sender.status(first.requestId);
      expect(waiting.messages.items[0]).toMatchObject({
        status: 'queued',
        attempts: 1,
        errorCode: 20003,
      });
    });

    it('keeps all of those queued that are refused together', async () => {
      const instances = t.app.get(ProviderInstances, { strict: false });
      await instances.create({
        name: 'refused-together',
        config: { ...PROVIDER, TWILIO_AUTH_TOKEN: 'not-the-auth-token-at-all' },
      });
      const { requestId } = await sender.send({
        notification: { title: 'Hello' },
        sendTo: {
          recipients: Array.from({ length: 8 }, (_, index) => ({
            identifier: `refused-${index}`,
            phoneNumber: fictionalNumber(50 + index),
          })),
        },
        override: { twilio_whatsapp: { _instance: 'refused-together' } },
      });
      await eventually(
        () => sender.status(requestId),
        ({ messages, counts }) => {
          expect(counts.unknown).toBeUndefined();
          const tried = messages.items.filter(({ attempts }) => attempts > 0);
          return tried.length > 1 && tried.every(({ status }) => status === 'queued');
        },
      );
    });

    it('looks after any number of senders', async () => {
      const sendAt = new Date(Date.now() + 3_600_000).toISOString();
      const senders = Array.from({ length: 1100 }, (_, index) => fictionalNumber(5000 + index));
      await Promise.all(
        senders.map((From) =>
          sender.send({
            notification: { title: 'Hello' },
            sendTo: { recipients: ['nobody-yet'] },
            override: { twilio_whatsapp: { From, To: '+447700900100' } },
            sendAt,
          }),
        ),
      );
      const queues = await t.app.get(MessageLedger, { strict: false }).queues('queued');
      expect(queues.length).toBeGreaterThanOrEqual(1100);
    });

    it('loses no change of two that come at once', async () => {
      const instances = t.app.get(ProviderInstances, { strict: false });
      const { id } = await instances.create({
        name: 'busy',
        config: PROVIDER,
      });
      for (let round = 1; round <= 10; round++) {
        await Promise.all([
          instances.update(id, { name: `busy-${round}` }),
          instances.update(id, { messagesPerSecond: round }),
        ]);
        expect(await instances.get(id)).toMatchObject({
          name: `busy-${round}`,
          messagesPerSecond: round,
        });
      }
    });

    it('carries many at once, each once', async () => {
      const recipients = Array.from({ length: 120 }, (_, index) => {
        const phoneNumber = fictionalNumber(1000 + index);
        t.simulator.script(phoneNumber, {});
        return { identifier: `many-${index}`, phoneNumber };
      });
      const { requestId } = await sender.send({
        notification: { title: 'Hello' },
        sendTo: { recipients },
      });
      await eventually(
        async () => (await sender.status(requestId)).counts,
        (counts) => Object.values(counts).length === 1 && counts.seen === 120,
      );
      const sent = recipients.map(({ phoneNumber }) => t.simulator.messagesTo(phoneNumber).length);
      expect(new Set(sent)).toEqual(new Set([1]));
    });

    it('takes over what a process left behind when it died', async () => {
      const database = t.app.get(Database, { strict: false });
      const soon = new Date(Date.now() + 3_600_000).toISOString();
      const sending = await sendTo({}, { sendAt: soon });
      await database.query(
        "UPDATE twilio_whatsapp_message SET status = 'sending', attempts = 1, fence = 1, due_at = ? WHERE request_id = ?",
        Date.now() - 1,
        sending.requestId,
      );
      await t.settled(sending.requestId, sending.recipient, 'unknown');
      expect(sending.posts()).toHaveLength(0);
    });
  });

  if (url === 'sqlite') continue;

  describeOn(url)(`several nodes on ${name}`, () => {
    it('boot together, and send each message once', async () => {
      const t = await startApplication({ database: url, options: { provider: undefined } });
      const nodes = await Promise.all(
        [1, 2, 3].map(() => startHost(t.database.options, t.simulator.url, {})),
      );
      const recipients = Array.from({ length: 200 }, (_, index) => {
        const phoneNumber = fictionalNumber(index);
        t.simulator.script(phoneNumber, { statuses: [] });
        return { identifier: `user-${index}`, phoneNumber };
      });
      const [sender] = nodes.map(({ app }) => app.get(TwilioWhatsappSender, { strict: false }));
      const { requestId } = await sender.send({
        notification: { title: 'Hello' },
        sendTo: { recipients },
      });
      await eventually(
        async () => (await sender.status(requestId)).counts,
        (counts) => {
          expect(counts.discarded).toBeUndefined();
          return counts.sent === 200;
        },
      );
      expect(t.simulator.posts).toHaveLength(200);
      await Promise.all(nodes.map(({ app }) => app.close()));
      await t.stop();
    });

    it('never wait in a circle for connections or rows', async () => {
      const t = await startApplication({ database: url });
      const sender = t.app.get(TwilioWhatsappSender, { strict: false });
      const dataSource = t.app.get(DataSource, { strict: false });
      const notification = { title: 'Hello' };
      // More transactions than the pool has connections.
      const within = Array.from({ length: 15 }, (_, index) =>
        dataSource.transaction((transaction) =>
          sender.send({ notification, sendTo: { recipients: [`user-${index}`] } }, { transaction }),
        ),
      );
      expect(await Promise.all(within)).toHaveLength(15);

      // MariaDB locks the gaps between rows for a transaction of the host's isolation level.
      if (name === 'MariaDB') return t.stop();

      const user = (identifier: string) => ({
        notification,
        sendTo: { recipients: [{ identifier, phoneNumber: '+447700900100' }] },
      });
      let blocked: Promise<unknown> | undefined;
      await dataSource.transaction(async (transaction) => {
        await sender.send(user('held'), { transaction });
        blocked = sender.send(user('held'));
        // Whoever has nothing to do with the held row goes ahead.
        await sender.send(user('free'));
        await sender.send({ notification, sendTo: { recipients: ['free'] } });
      });
      await blocked;
      await t.stop();
    });

    it('try again when the database breaks a deadlock', async () => {
      const t = await startApplication({ database: url });
      const database = t.app.get(Database, { strict: false });
      const instances = t.app.get(ProviderInstances, { strict: false });
      const { id: one } = await instances.create({ name: 'one', config: PROVIDER });
      const { id: two } = await instances.create({ name: 'two', config: PROVIDER });
      const pause = name === 'PostgreSQL' ? 'SELECT pg_sleep(0.1)' : 'SELECT SLEEP(0.1)';
      const lock =
        'UPDATE twilio_whatsapp_provider_instance SET updated_at = updated_at + 1 WHERE id = ?';
      const cross = (first: string, second: string) =>
        database.transaction(function* () {
          yield* query(lock, first);
          yield* query(pause);
          yield* query(lock, second);
        });
      await Promise.all([cross(one, two), cross(two, one)]);
      await t.stop();
    });
  });
}

describe('a Twilio that does not answer', () => {
  let t: TestApplication;

  beforeAll(async () => {
    t = await startApplication({ options: { delivery: { requestTimeoutMs: 300 } } });
  });
  afterAll(() => t.stop());

  it.each([
    ['hangBefore', fictionalNumber(1), 'unknown'],
    ['hangAfter', fictionalNumber(2), 'seen'],
  ] as const)('is asked once: %s', async (fault, phoneNumber, status) => {
    t.simulator.script(phoneNumber, { faults: [fault] });
    const posts = t.simulator.posts.length;
    const { requestId } = await t.app.get(TwilioWhatsappSender, { strict: false }).send({
      notification: { title: 'Hello' },
      sendTo: { recipients: [{ identifier: fault, phoneNumber }] },
    });
    expect(await t.settled(requestId, fault, status)).toMatchObject({ attempts: 1 });
    expect(t.simulator.posts).toHaveLength(posts + 1);
  });
});

describe('the policy for what Twilio may have', () => {
  const lose = async (ambiguousPolicy: 'resend' | 'resend-after-verify') => {
    const t = await startApplication({ options: { delivery: { ambiguousPolicy } } });
    const phoneNumber = fictionalNumber(1);
    t.simulator.script(phoneNumber, { faults: ['resetBefore'] });
    const { requestId } = await t.app.get(TwilioWhatsappSender, { strict: false }).send({
      notification: { title: 'Hello' },
      sendTo: { recipients: [{ identifier: 'user', phoneNumber }] },
    });
    return { t, requestId };
  };

  it('resend sends it again at once', async () => {
    const { t, requestId } = await lose('resend');
    expect(await t.settled(requestId, 'user', 'seen')).toMatchObject({ attempts: 2 });
    await t.stop();
  });

  it('resend-after-verify sends it again when four looks have not found it', async () => {
    const { t, requestId } = await lose('resend-after-verify');
    await t.settled(requestId, 'user', 'unknown');
    const database = t.app.get(Database, { strict: false });
    for (let checks = 0; checks < 4;) {
      const [row] = await database.query<{ checks: number; status: string }>(
        'SELECT checks, status FROM twilio_whatsapp_message WHERE request_id = ?',
        requestId,
      );
      if (row.checks < 4) expect(row.status).toBe('unknown');
      if (row.checks === checks) {
        await database.query(
          `UPDATE twilio_whatsapp_message SET due_at = 1 WHERE request_id = ? AND status = 'unknown'`,
          requestId,
        );
      }
      checks = row.checks;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await t.settled(requestId, 'user', 'seen')).toMatchObject({ attempts: 2 });
    await t.stop();
  });
});

it('resend-after-verify does not count looks that Twilio did not answer', async () => {
  const t = await startApplication({
    options: { delivery: { ambiguousPolicy: 'resend-after-verify' } },
  });
  const phoneNumber = fictionalNumber(1);
  t.simulator.script(phoneNumber, { faults: ['resetBefore'] });
  t.simulator.refuseLists(3);
  const { requestId } = await t.app.get(TwilioWhatsappSender, { strict: false }).send({
    notification: { title: 'Hello' },
    sendTo: { recipients: [{ identifier: 'user', phoneNumber }] },
  });
  await t.settled(requestId, 'user', 'unknown');
  const database = t.app.get(Database, { strict: false });
  const row = async () => {
    const [found] = await database.query<{ status: string; not_found_count: number }>(
      'SELECT status, not_found_count FROM twilio_whatsapp_message WHERE request_id = ?',
      requestId,
    );
    return found;
  };
  for (let looks = 1; looks <= 7; looks++) {
    await database.query(
      `UPDATE twilio_whatsapp_message SET due_at = 1 WHERE request_id = ? AND status = 'unknown'`,
      requestId,
    );
    const deadline = Date.now() + 5000;
    const answered = Math.max(0, looks - 3);
    const isLast = answered === 4;
    const isCounted = async () => isLast || (await row()).not_found_count === answered;
    while (t.simulator.listRequests < looks || !(await isCounted())) {
      if (Date.now() > deadline) throw new Error(JSON.stringify(await row()));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (!isLast) expect(t.simulator.posts).toHaveLength(1);
  }
  expect(await t.settled(requestId, 'user', 'seen')).toMatchObject({ attempts: 2 });
  expect(t.simulator.posts).toHaveLength(2);
  await t.stop();
});

it('resend-after-verify sends nothing again to a number that Twilio may have listed in another form', async () => {
  const t = await startApplication({
    options: { delivery: { ambiguousPolicy: 'resend-after-verify' } },
  });
  const phoneNumber = '+5215512345678';
  t.simulator.script(phoneNumber, { faults: ['resetBefore'] });
  const { requestId } = await t.app.get(TwilioWhatsappSender, { strict: false }).send({
    notification: { title: 'Hello' },
    sendTo: { recipients: [{ identifier: 'user', phoneNumber }] },
  });
  await t.settled(requestId, 'user', 'unknown');
  const database = t.app.get(Database, { strict: false });
  for (let checks = 1; checks <= 5; checks++) {
    await database.query('UPDATE twilio_whatsapp_message SET due_at = 1');
    await eventually(
      () =>
        database.query<{ checks: number; not_found_count: number }>(
          'SELECT checks, not_found_count FROM twilio_whatsapp_message',
        ),
      ([row]) => row.checks === checks || row.not_found_count > 0,
    );
  }
  await t.settled(requestId, 'user', 'unknown');
  expect(t.simulator.posts).toHaveLength(1);
  await t.stop();
});

it('sends little more while the database takes no outcomes', async () => {
  const maxInFlight = 2;
  const t = await startApplication({ options: { delivery: { maxInFlight } } });
  const sender = t.app.get(TwilioWhatsappSender, { strict: false });
  const database = t.app.get(Database, { strict: false });
  const sweeps = jest.spyOn(t.app.get(MessageLedger, { strict: false }), 'sweep');
  await database.query(
    `CREATE TRIGGER full BEFORE UPDATE ON twilio_whatsapp_attempt BEGIN SELECT RAISE(ABORT, 'full'); END`,
  );
  const recipients = Array.from({ length: 20 }, (_, index) => {
    const phoneNumber = fictionalNumber(index);
    t.simulator.script(phoneNumber, { statuses: [] });
    return { identifier: `user-${index}`, phoneNumber };
  });
  const { requestId } = await sender.send({
    notification: { title: 'Hello' },
    sendTo: { recipients },
  });
  const bound = maxInFlight * 2;
  while (t.simulator.posts.length <= bound) await once(t.simulator, 'post');
  // The dispatcher has its turn some more times.
  const turns = sweeps.mock.calls.length + 4;
  await eventually(() => sweeps.mock.calls.length >= turns);
  expect(t.simulator.posts.length).toBeLessThanOrEqual(bound + maxInFlight);

  await database.query('DROP TRIGGER full');
  await Promise.all(recipients.map(({ identifier }) => t.settled(requestId, identifier, 'sent')));
  expect(t.simulator.posts).toHaveLength(20);
  await t.stop();
});

for (const { name, url } of DATABASES) {
  describeOn(url)(`a shutdown on ${name}`, () => {
    it('finishes what is under way and leaves the rest queued', async () => {
      const t = await startApplication({
        database: url,
        options: { delivery: { maxInFlight: 4 } },
      });
      const sender = t.app.get(TwilioWhatsappSender, { strict: false });
      const recipients = Array.from({ length: 40 }, (_, index) => {
        const phoneNumber = fictionalNumber(index);
        // Answers are slow because callbacks come first.
        t.simulator.script(phoneNumber, { callbacks: { early: true, delayMs: 15, dropped: true } });
        return { identifier: `user-${index}`, phoneNumber };
      });
      const { requestId } = await sender.send({
        notification: { title: 'Hello' },
        sendTo: { recipients },
      });
      await new Promise<void>((resolve) => t.simulator.once('post', () => resolve()));
      await t.app.close();
      const posted = t.simulator.messages.size;
      expect(posted).toBeLessThan(40);

      const next = await startHost(t.database.options, t.simulator.url, {});
      const nextSender = next.app.get(TwilioWhatsappSender, { strict: false });
      await eventually(
        async () => (await nextSender.status(requestId)).counts,
        (counts) => {
          expect(counts.unknown).toBeUndefined();
          return counts.sent === 40;
        },
      );
      expect(t.simulator.posts).toHaveLength(40);
      await next.app.close();
      await t.simulator.stop();
      await t.database.drop();
    });
  });
}
