import type { INestApplication } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Dispatcher } from '../../src/delivery/dispatcher.js';
import { TwilioWhatsappSender } from '../../src/index.js';
import { ProviderInstances } from '../../src/providers/provider-instances.service.js';
import {
  AUTH_TOKEN,
  PROVIDER,
  startApplication,
  startHost,
  type TestApplication,
} from '../support/application.js';
import { CallbackClient, fields, sign } from '../support/callback-forms.js';
import { DATABASES, describeOn } from '../support/databases.js';

const NEXT_TOKEN = 'not-a-real-auth-token-0003';

for (const { name, url } of DATABASES) {
  describeOn(url)(`what is known of provider instances on ${name}`, () => {
    let t: TestApplication;
    let sender: TwilioWhatsappSender;
    let instances: ProviderInstances;
    let dataSource: DataSource;
    let id: string;
    let otherNode: INestApplication;
    let elsewhere: ProviderInstances;

    beforeAll(async () => {
      t = await startApplication({ database: url });
      sender = t.app.get(TwilioWhatsappSender, { strict: false });
      instances = t.app.get(ProviderInstances, { strict: false });
      dataSource = t.app.get(DataSource, { strict: false });
      ({ id } = (await instances.choose()).row);
      await instances.create({ name: 'other', config: PROVIDER });
      ({ app: otherNode } = await startHost(t.database.options, t.simulator.url, {
        options: { delivery: { pollIntervalMs: 60_000 } },
      }));
      // It changes instances, and sends nothing.
      otherNode.get(Dispatcher, { strict: false }).onModuleDestroy();
      elsewhere = otherNode.get(ProviderInstances, { strict: false });
    });
    afterAll(async () => {
      await otherNode.close();
      await t.stop();
    });

    let names = 0;
    const newName = () => `instance-${++names}`;
    const hello = (identifier: string, override: Record<string, unknown> = {}) => ({
      notification: { title: 'Hello' },
      sendTo: { recipients: [{ identifier, phoneNumber: '+12015550199' }] },
      override: { twilio_whatsapp: override },
    });

    /** Sends within a transaction of the host that saw the instances before they were changed. */
    async function sendFromBefore(recipient: string, change: () => Promise<unknown>) {
      return dataSource.transaction('REPEATABLE READ', async (transaction) => {
        await transaction.query('SELECT COUNT(*) FROM twilio_whatsapp_provider_instance');
        await change();
        return sender.send(hello(recipient, { _instance: id }), { transaction });
      });
    }

    // SQLite's one connection has no snapshot for a host that others could change something beside.
    const onServers = url === 'sqlite' ? it.skip : it;

    onServers('a host’s snapshot sends nothing while the instance is disabled', async () => {
      const posts = () => t.simulator.posts.length;
      const { requestId } = await sendFromBefore('waiting', () =>
        t.api().post(`/v3/provider-instances/${id}/disable`).expect(200),
      );
      const before = posts();
      const other = await sender.send(hello('beside', { _instance: 'other' }));
      await t.settled(other.requestId, 'beside', 'seen');
      expect(posts()).toBe(before + 1);
      expect((await sender.status(requestId)).counts).toEqual({ queued: 1 });
      await instances.enable(id);
      await t.settled(requestId, 'waiting', 'seen');
    });

    onServers('a host’s snapshot brings no token back that was dropped', async () => {
      await instances.enable(id);
      const twilio = new CallbackClient(t);
      const message = await twilio.sentMessage({ _instance: id });
      await instances.update(id, { config: { TWILIO_AUTH_TOKEN: NEXT_TOKEN } });
      await sendFromBefore('later', () =>
        t
          .api()
          .patch(`/v3/provider-instances/${id}`)
          .send({ config: { TWILIO_SECONDARY_AUTH_TOKEN: null } })
          .expect(200),
      );
      const form = fields(message.sid, 'read');
      await twilio.post(message.url, form, sign(message.url, form, AUTH_TOKEN)).expect(403);
      await twilio.post(message.url, form, sign(message.url, form, NEXT_TOKEN)).expect(204);
    });

    it('a slow read never takes the place of a newer one, nor of what was written meanwhile', async () => {
      await instances.enable(id);
      const isEnabled = async (maxAgeMs?: number) =>
        (await instances.find(id, maxAgeMs))?.row.enabled;
      for (const change of [
        () => elsewhere.disable(id).then(() => isEnabled(0)),
        () => instances.disable(id),
      ]) {
        const slow = slowRead(dataSource, () => isEnabled(0));
        await slow.hasRead;
        await change();
        slow.release();
        expect(await slow.result).toBe(false);
        expect(await isEnabled()).toBe(false);
        await instances.enable(id);
      }
    });

    it('one default is known, also when another takes its place while it is read', async () => {
      for (const node of [elsewhere, instances]) {
        const slow = slowRead(dataSource, () => instances.find(id, 0));
        await slow.hasRead;
        const made = await node.create({ name: newName(), config: PROVIDER, isDefault: true });
        if (node === elsewhere) await instances.find(id, 0);
        slow.release();
        await slow.result;
        const { items } = await instances.list();
        expect(items.filter(({ isDefault }) => isDefault)).toMatchObject([{ id: made.id }]);
      }
    });

    it('what is in memory is at hand while the database takes no change', async () => {
      const taken = instances.update(id, { name: 'other' });
      await expect(taken).rejects.toThrow('name is taken');
      const queries: string[] = [];
      const subscriber = {
        beforeQuery: ({ query }: { query: string }) => void queries.push(query),
      };
      dataSource.subscribers.push(subscriber);
      expect((await instances.find(id, Infinity))?.row.id).toBe(id);
      dataSource.subscribers.splice(dataSource.subscribers.indexOf(subscriber), 1);
      expect(queries.filter((query) => query.includes('provider_instance'))).toEqual([]);
    });
  });
}

/** Reads the instances, and holds back what was read until it is released. */
function slowRead<T>(dataSource: DataSource, read: () => Promise<T>) {
  let release!: () => void;
  let markRead!: () => void;
  const released = new Promise<void>((resolve) => (release = resolve));
  const hasRead = new Promise<void>((resolve) => (markRead = resolve));
  const subscriber = {
    afterQuery({ query }: { query: string }) {
      if (!/^SELECT .*twilio_whatsapp_provider_instance/.test(query)) return undefined;
      dataSource.subscribers.splice(dataSource.subscribers.indexOf(subscriber), 1);
      markRead();
      return released;
    },
  };
  dataSource.subscribers.push(subscriber);
  return { hasRead, release, result: read() };
}
