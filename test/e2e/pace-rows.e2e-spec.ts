import { DataSource } from 'typeorm';
import { Database } from '../../src/database/database.js';
import { batch } from '../../src/database/transaction.js';
import { rateOf } from '../../src/delivery/gcra.js';
import { Pacer } from '../../src/delivery/pacer.js';
import { startApplication, startHost, type TestApplication } from '../support/application.js';
import { DATABASES, describeOn } from '../support/databases.js';

const HOUR_MS = 3_600_000;

for (const { name, url } of DATABASES) {
  describeOn(url)(`the pace of senders that are gone on ${name}`, () => {
    let t: TestApplication;
    let pacer: Pacer;
    let database: Database;
    let dataSource: DataSource;

    beforeAll(async () => {
      t = await startApplication({ database: url });
      pacer = t.app.get(Pacer, { strict: false });
      database = t.app.get(Database, { strict: false });
      dataSource = t.app.get(DataSource, { strict: false });
    });
    beforeEach(() => dataSource.query('DELETE FROM twilio_whatsapp_pace'));
    afterAll(() => t.stop());

    const store = (id: string, aheadUntilMs: number) =>
      database.query(
        'INSERT INTO twilio_whatsapp_pace (id, ahead_until) VALUES (?, ?)',
        id,
        Math.round(aheadUntilMs * 1000),
      );
    const ids = async () => {
      const rows = await database.query<{ id: string }>(
        'SELECT id FROM twilio_whatsapp_pace ORDER BY id',
      );
      return rows.map(({ id }) => id);
    };

    it('is removed after an hour, however many they are', async () => {
      const now = Date.now();
      const gone = Array.from({ length: 600 }, (_, index) => ({
        id: `gone-${index}`,
        ahead_until: (now - HOUR_MS - 60_000) * 1000,
      }));
      const columns = { id: 'text', ahead_until: 'bigint' } as const;
      await database.transaction(() =>
        batch(database.dialect.insert('twilio_whatsapp_pace', columns), gone),
      );
      await store('resting', now - HOUR_MS + 60_000);
      await store('sending', now + 60_000);
      await pacer.forgetIdle();
      expect(await ids()).toEqual(['resting', 'sending']);
    });

    it('is looked for when a node starts', async () => {
      await store('gone', 0);
      const { app } = await startHost(t.database.options, t.simulator.url, {});
      const deadline = performance.now() + 5000;
      while ((await ids()).length > 0) {
        if (performance.now() > deadline) throw new Error('the row is still there after 5 s');
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await app.close();
    });

    it('allows the same before and after', async () => {
      const rates = new Map([['gone', rateOf(80)]]);
      const at = Date.now();
      const left = () =>
        database.transaction(function* () {
          const allowance = (yield* pacer.open(rates, at)).get('gone')!;
          return { left: allowance.left, restMs: allowance.restMs };
        });
      await store('gone', at - 2 * HOUR_MS);
      const before = await left();
      await pacer.forgetIdle();
      expect(await ids()).toEqual([]);
      expect(await left()).toEqual(before);
    });

    // SQLite has one writer at a time: it knows no rows that are held.
    (url === 'sqlite' ? it.skip : it)('stays while a claim holds it', async () => {
      await store('gone', 0);
      await store('held', 0);
      await dataSource.transaction('READ COMMITTED', async (transaction) => {
        await database.runWithin(transaction, () =>
          pacer.open(new Map([['held', rateOf(80)]]), Date.now()),
        );
        await pacer.forgetIdle();
        expect(await ids()).toEqual(['held']);
      });
      await pacer.forgetIdle();
      expect(await ids()).toEqual([]);
    });
  });
}
