import { BadRequestException } from '@nestjs/common';
import { DataSource } from 'typeorm';
import {
  IdempotencyKeyReusedError,
  InvalidNotificationError,
  NoProviderInstanceError,
  TwilioWhatsappSender,
} from '../../src/index.js';
import { ProviderInstances } from '../../src/providers/provider-instances.service.js';
import {
  PROVIDER,
  startApplication,
  startHost,
  type TestApplication,
} from '../support/application.js';
import { DATABASES, describeOn } from '../support/databases.js';

for (const { name, url } of DATABASES) {
  describeOn(url)(`a repetition under an idempotency key on ${name}`, () => {
    let t: TestApplication;
    let sender: TwilioWhatsappSender;
    let instances: ProviderInstances;
    let dataSource: DataSource;
    let defaultId: string;
    let keys = 0;

    const hello = (override?: Record<string, unknown>) => ({
      notification: { title: 'Hello' },
      sendTo: { recipients: ['nobody'] },
      ...(override && { override: { twilio_whatsapp: override } }),
    });
    const waiting = url?.startsWith('postgres')
      ? `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
      : `SELECT ID FROM information_schema.PROCESSLIST
         WHERE DB = DATABASE() AND INFO LIKE 'INSERT INTO twilio_whatsapp_notification%'`;
    const someoneWaits = async () => {
      const deadline = performance.now() + 5000;
      while ((await dataSource.query<unknown[]>(waiting)).length === 0) {
        if (performance.now() > deadline) throw new Error('nothing waits for a lock after 5 s');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const newKey = () => `key-${++keys}`;

    beforeAll(async () => {
      t = await startApplication({ database: url });
      sender = t.app.get(TwilioWhatsappSender, { strict: false });
      instances = t.app.get(ProviderInstances, { strict: false });
      dataSource = t.app.get(DataSource, { strict: false });
      defaultId = (await instances.choose()).row.id;
    });
    afterAll(() => t.stop());
    afterEach(() => instances.enable(defaultId));

    it('is answered with the first while no instance sends, over HTTP too', async () => {
      const post = (key: string, body: object) =>
        t.api().post('/v3/notifications').set('Idempotency-Key', key).send(body);
      const [known, unknown] = [newKey(), newKey()];
      const { body: first } = await post(known, hello()).expect(202);
      await instances.disable(defaultId);
      const { body: second } = await post(known, hello()).expect(202);
      expect(second).toEqual(first);
      await post(known, hello({ Body: 'other' })).expect(422);
      await post(unknown, hello()).expect(409);
      // What was refused leaves the key free.
      await instances.enable(defaultId);
      const { body: later } = await post(unknown, hello()).expect(202);
      expect(later).not.toEqual(first);
    });

    it('is answered with the first when its keys are in another order, at any depth', async () => {
      const [idempotencyKey, list] = [newKey(), [{ c: 1, d: 2 }, 3]];
      const { requestId } = await sender.send(
        { ...hello(), data: { a: { b: 1, ü: 2 }, list } },
        { idempotencyKey },
      );
      const { sendTo, notification } = hello();
      const data = { list: [{ d: 2, c: 1 }, 3], a: { ü: 2, b: 1 } };
      const { body } = await t
        .api()
        .post('/v3/notifications')
        .set('Idempotency-Key', idempotencyKey)
        .send({ data, sendTo, notification })
        .expect(202);
      expect(body).toEqual({ requestId });
      for (const other of [
        { ...data, list: [3, { d: 2, c: 1 }] },
        { ...data, a: { ü: 1, b: 2 } },
        { ...data, a: '{"b":1,"ü":2}' },
      ]) {
        const reused = sender.send({ ...hello(), data: other }, { idempotencyKey });
        await expect(reused).rejects.toThrow(IdempotencyKeyReusedError);
      }
    });

    it('is answered with the first when the instance that it names is gone', async () => {
      const [idempotencyKey, otherKey] = [newKey(), newKey()];
      const { id } = await instances.create({ name: 'doomed', config: PROVIDER });
      const first = await sender.send(hello({ _instance: 'doomed' }), { idempotencyKey });
      await instances.remove(id);
      expect(await sender.send(hello({ _instance: 'doomed' }), { idempotencyKey })).toEqual(first);
      const elsewhere = sender.send(hello({ _instance: 'doomed' }), { idempotencyKey: otherKey });
      await expect(elsewhere).rejects.toThrow(InvalidNotificationError);
    });

    it('is answered with the first within a host’s transaction, which sees its own as well', async () => {
      const [committed, own] = [newKey(), newKey()];
      const first = await sender.send(hello(), { idempotencyKey: committed });
      await dataSource.transaction(async (transaction) => {
        // Two of them: the second finds what this transaction has not committed yet.
        const mine = await sender.send(hello(), { idempotencyKey: own, transaction });
        const again = await sender.send(hello(), { idempotencyKey: own, transaction });
        expect(again).toEqual(mine);
        expect(await sender.send(hello(), { idempotencyKey: committed, transaction })).toEqual(
          first,
        );
        const other = sender.send(hello({ Body: 'x' }), { idempotencyKey: own, transaction });
        await expect(other).rejects.toThrow(IdempotencyKeyReusedError);
      });
      await instances.disable(defaultId);
      await dataSource.transaction(async (transaction) => {
        for (const idempotencyKey of [committed, own])
          await sender.send(hello(), { idempotencyKey, transaction });
        const fresh = sender.send(hello(), { idempotencyKey: newKey(), transaction });
        await expect(fresh).rejects.toThrow(NoProviderInstanceError);
      });
    });

    it('asks for nothing that other options or a user directory decide', async () => {
      const idempotencyKey = newKey();
      const request = hello({ _config: PROVIDER, From: '+14155238887' });
      const first = await sender.send(request, { idempotencyKey });
      const { app } = await startHost(t.database.options, t.simulator.url, {
        options: {
          allowOverrides: ['content'],
          userDirectory: { find: () => Promise.reject(new Error('the directory is down')) },
        },
      });
      try {
        const there = app.get(TwilioWhatsappSender, { strict: false });
        expect(await there.send(request, { idempotencyKey })).toEqual(first);
        const fresh = there.send(request, { idempotencyKey: newKey() });
        await expect(fresh).rejects.toThrow(InvalidNotificationError);
      } finally {
        await app.close();
      }
    });

    it('is answered with the first when retention has erased what it said', async () => {
      const idempotencyKey = newKey();
      const first = await sender.send(hello(), { idempotencyKey });
      await dataSource.query(
        `UPDATE twilio_whatsapp_notification SET parameters = '{}', fingerprint = NULL, redacted_at = 1 WHERE id = '${first.requestId}'`,
      );
      expect(await sender.send(hello(), { idempotencyKey })).toEqual(first);
    });

    it('is not answered with what was refused, when the host goes on in its transaction', async () => {
      const idempotencyKey = newKey();
      const text = 'x'.repeat(40_000);
      const withProfile = (profile: object) => ({
        notification: { title: 'Hello' },
        sendTo: { recipients: [{ identifier: `big-${name}`, ...profile }] },
      });
      await sender.send(withProfile({ one: text }));
      await dataSource.transaction(async (transaction) => {
        const refused = sender.send(withProfile({ two: text }), { idempotencyKey, transaction });
        await expect(refused).rejects.toThrow(BadRequestException);
      });
      const { requestId } = await sender.send(withProfile({ two: 'x' }), { idempotencyKey });
      expect((await sender.status(requestId)).messages.items).toHaveLength(1);
    });

    it('is not answered with what a host’s transaction takes back', async () => {
      const idempotencyKey = newKey();
      let repeated: Promise<{ requestId: string }> | undefined;
      const undone = dataSource.transaction(async (transaction) => {
        await sender.send(hello(), { idempotencyKey, transaction });
        repeated = sender.send(hello(), { idempotencyKey });
        // Time enough for the repetition to look, if it does not wait.
        await new Promise((resolve) => setTimeout(resolve, 50));
        throw new Error('taken back');
      });
      await expect(undone).rejects.toThrow('taken back');
      const { requestId } = await repeated!;
      expect((await sender.status(requestId)).messages.items).toHaveLength(1);
    });

    // SQLite has one connection: nothing is stored beside a transaction that is open.
    (url === 'sqlite' ? it.skip : it)(
      'is refused, or answered with the first, only once that has committed or not',
      async () => {
        for (const commits of [true, false]) {
          const idempotencyKey = newKey();
          let repeated: Promise<unknown> | undefined;
          const first = dataSource.transaction(async (transaction) => {
            const accepted = await sender.send(hello(), { idempotencyKey, transaction });
            await instances.disable(defaultId);
            repeated = sender.send(hello(), { idempotencyKey }).catch((error: unknown) => error);
            await someoneWaits();
            if (!commits) throw new Error('taken back');
            return accepted;
          });
          if (commits) {
            const accepted = await first;
            expect(await repeated).toEqual(accepted);
          } else {
            await expect(first).rejects.toThrow('taken back');
            expect(await repeated).toBeInstanceOf(NoProviderInstanceError);
          }
          await instances.enable(defaultId);
        }
      },
    );
  });
}
