import { DataSource, type BeforeQueryEvent } from 'typeorm';
import { newId } from '../../src/database/time-ordered-id.js';
import { Acceptance } from '../../src/delivery/acceptance.js';
import { MessageLog } from '../../src/delivery/message-log.js';
import { NOBODY } from '../../src/delivery/sender-key.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { DATABASES, describeOn } from '../support/databases.js';

const IN_AN_HOUR = Date.now() + 3_600_000;
const page = { limit: 50 };

for (const { name, url } of DATABASES) {
  describeOn(url)(`the log of messages on ${name}`, () => {
    let t: TestApplication;
    let log: MessageLog;
    let dataSource: DataSource;
    const [large, small] = [newId(Date.now()), newId(Date.now())];

    beforeAll(async () => {
      t = await startApplication({ database: url });
      log = t.app.get(MessageLog, { strict: false });
      dataSource = t.app.get(DataSource, { strict: false });
      const acceptance = t.app.get(Acceptance, { strict: false });
      for (const [instanceId, recipients] of [
        [large, 5000],
        [small, 60],
        [large, 5000],
      ] as const) {
        await acceptance.commit({
          id: newId(Date.now()),
          createdAt: Date.now(),
          parameters: { Body: 'Hello' },
          instanceId,
          sender: NOBODY,
          messages: Array.from({ length: recipients }, (_, index) => ({
            id: newId(Date.now()),
            recipient: `user-${index}`,
            dueAt: IN_AN_HOUR,
            expiresAt: IN_AN_HOUR,
          })),
          users: [],
        });
      }
      if (url !== 'sqlite') {
        await dataSource.query(
          `ANALYZE ${name === 'MariaDB' ? 'TABLE ' : ''}twilio_whatsapp_message`,
        );
      }
    });
    afterAll(() => t.stop());

    /** How the database finds what `list` asks it for. */
    async function planOf(filter: Parameters<MessageLog['list']>[0]): Promise<string> {
      const asked: BeforeQueryEvent[] = [];
      const subscriber = {
        beforeQuery: (event: BeforeQueryEvent) => void asked.push(event),
      };
      dataSource.subscribers.push(subscriber);
      await log.list(filter);
      dataSource.subscribers.splice(dataSource.subscribers.indexOf(subscriber), 1);
      const { query, parameters } = asked.findLast((each) =>
        /FROM .twilio_whatsapp_message/.test(each.query),
      )!;
      const explain = url === 'sqlite' ? 'EXPLAIN QUERY PLAN' : 'EXPLAIN';
      return JSON.stringify(await dataSource.query(`${explain} ${query}`, parameters));
    }

    it('finds the newest of an instance that has few, without reading those of others or sorting', async () => {
      const { items, nextCursor: cursor } = await log.list({ ...page, instance: small });
      expect(items.map(({ instance }) => instance)).toEqual(Array<string>(50).fill(small));
      const index = dataSource.namingStrategy.indexName('twilio_whatsapp_message', [
        'instance_id',
        'id',
      ]);
      for (const filter of [
        { instance: small },
        { instance: small, cursor },
        { instance: small, status: 'queued' as const },
      ]) {
        const plan = await planOf({ ...page, ...filter });
        expect(plan).toContain(index);
        expect(plan).not.toMatch(/\bSCAN|Seq Scan|"ALL"|TEMP B-TREE|Sort|filesort/);
      }
    });

    it('finds the newest in a status in order where many have it, and by its index where few do', async () => {
      const many = await planOf({ ...page, status: 'queued' });
      expect(many).not.toMatch(/TEMP B-TREE|Sort|filesort/);
      const { items, nextCursor: cursor } = await log.list({ ...page, status: 'queued' });
      const next = await log.list({ ...page, status: 'queued', cursor });
      const ids = [...items, ...next.items].map(({ id }) => id);
      expect(ids).toEqual([...new Set(ids)].toSorted().toReversed());
      expect(ids).toHaveLength(100);
      expect(await planOf({ ...page, status: 'discarded' })).not.toMatch(/\bSCAN|Seq Scan|"ALL"/);
    });
  });
}
