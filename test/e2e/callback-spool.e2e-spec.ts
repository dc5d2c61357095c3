import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { CallbackSpool } from '../../src/callbacks/callback-spool.js';
import { DatabaseError } from '../../src/database/database-error.js';
import { Database } from '../../src/database/database.js';
import {
  PLATFORMS,
  startApplication,
  startHost,
  type TestApplication,
  type TestSettings,
} from '../support/application.js';
import { CallbackClient, fields, sign } from '../support/callback-forms.js';
import { whenClockIsAhead } from '../support/clock.js';
import { describeOn } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { TcpProxy } from '../support/tcp-proxy.js';

const POSTGRES_URL = process.env.TEST_POSTGRES_URL;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'twilio-whatsapp-spool-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const files = (ending = '.spool') => readdirSync(directory).filter((name) => name.endsWith(ending));

describe.each(PLATFORMS)('the spool on %s', (platform) => {
  let t: TestApplication;
  let twilio: CallbackClient;

  const start = async (spool: TestSettings['options']) => {
    t = await startApplication({ platform, options: { ...spool } });
    twilio = new CallbackClient(t);
  };
  afterEach(() => t.stop());

  const loseDatabase = () => t.app.get(DataSource, { strict: false }).destroy();

  it('keeps what the database does not take, for the next process', async () => {
    await start({ spool: { directory } });
    const [one, two] = await twilio.sentMessages(2);
    const events = `${t.url}/v3/callbacks/twilio_whatsapp/${one.instance}`;
    await loseDatabase();
    await twilio.post(one.url, fields(one.sid, 'read')).expect(204);
    await twilio.post(events, fields(two.sid, 'delivered')).expect(204);
    expect(files()).toHaveLength(2);
    await t.app.close();

    const next = await startHost(t.database.options, t.simulator.url, {
      platform,
      options: { spool: { directory }, publicUrl: t.url },
    });
    await eventually(() => files().length === 0);
    const statuses = await next.app
      .get(DataSource, { strict: false })
      .query('SELECT id, status FROM twilio_whatsapp_message');
    expect(
      Object.fromEntries(statuses.map(({ id, status }: Record<string, string>) => [id, status])),
    ).toEqual({ [one.id]: 'seen', [two.id]: 'delivered' });
    await next.app.close();
  });

  it('asks to be called again when the spool is full', async () => {
    await start({ spool: { directory, maxFiles: 1 } });
    const { url, sid } = await twilio.sentMessage();
    await loseDatabase();
    await twilio.post(url, fields(sid, 'delivered')).expect(204);
    const { body } = await twilio.post(url, fields(sid, 'read')).expect(503);
    expect(body.message).toContain('could not be stored');
    expect(files()).toHaveLength(1);
  });

  it('keeps nothing that nobody vouches for', async () => {
    await start({ spool: { directory } });
    const { url, sid, instance } = await twilio.sentMessage();
    await loseDatabase();
    await twilio.post(`${url.slice(0, -2)}__`, fields(sid, 'read')).expect(403);
    const events = `${t.url}/v3/callbacks/twilio_whatsapp/${instance}`;
    await twilio.post(events.slice(0, -3), fields(sid, 'read')).expect(403);
    const signature = sign(events, fields(sid, 'read'), 'another-auth-token');
    // What is in memory is no longer so fresh that nobody would ask the database.
    await whenClockIsAhead(1500, async () => {
      await twilio.post(events, fields(sid, 'read'), signature).expect(503);
      await twilio.post(events, fields(sid, 'read'), '').expect(403);
    });
    expect(files()).toEqual([]);
    await twilio.post(events, fields(sid, 'read')).expect(204);
    expect(files()).toHaveLength(1);
  });

  it('puts aside what is damaged, and goes on', async () => {
    await start({ spool: { directory } });
    const { url, sid } = await twilio.sentMessage();
    writeFileSync(join(directory, '00000000.spool'), 'v1.garbage\n');
    await eventually(() => files('.corrupt').length === 1 && files().length === 0);
    await twilio.post(url, fields(sid, 'read')).expect(204);
  });
});

describe('a database that fails again', () => {
  let t: TestApplication;

  beforeEach(async () => {
    t = await startApplication({ options: { spool: { directory } } });
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await t.stop();
  });

  it('costs no callback that was kept', async () => {
    const twilio = new CallbackClient(t);
    const { id, url, sid } = await twilio.sentMessage();
    const failure = new DatabaseError({ code: '08006', message: 'The connection is lost.' });
    const commits = jest
      .spyOn(t.app.get(Database, { strict: false }), 'transaction')
      .mockRejectedValue(failure);
    const reads = jest.spyOn(t.app.get(CallbackSpool, { strict: false }), 'read');
    await twilio.post(url, fields(sid, 'read')).expect(204);
    await eventually(() => reads.mock.calls.length > 1 || files().length === 0);
    expect(files()).toHaveLength(1);
    commits.mockRestore();
    await eventually(() => files().length === 0);
    expect((await twilio.detail(id)).status).toBe('seen');
  });
});

describeOn(POSTGRES_URL)('a PostgreSQL that hangs', () => {
  it('keeps no callback waiting: it is kept, and counts once in the end', async () => {
    const t = await startApplication({ database: POSTGRES_URL });
    const proxy = await new TcpProxy(new URL(t.database.url)).start();
    let node: Awaited<ReturnType<typeof startHost>> | undefined;
    try {
      node = await startHost(t.database.options, t.simulator.url, {
        dataSource: (options) => ({ ...options, url: proxy.url }) as DataSourceOptions,
        options: { spool: { directory }, publicUrl: t.url },
      });
      const { id, url, sid } = await new CallbackClient(t).sentMessage();
      const hanging = new CallbackClient({ ...t, app: node.app });
      await hanging.post(url, fields(sid, 'accepted')).expect(204);
      proxy.hang(true);
      await hanging.post(url, fields(sid, 'delivered')).timeout(8000).expect(204);
      expect(files()).toHaveLength(1);
      proxy.hang(false);
      await eventually(() => files().length === 0);
      const { status, events } = await new CallbackClient(t).detail(id);
      expect(status).toBe('delivered');
      expect(events.filter((event) => event.providerStatus === 'delivered')).toHaveLength(1);
    } finally {
      proxy.hang(false);
      await node?.app.close();
      await proxy.cut();
      await t.stop();
    }
  });
});

describeOn(POSTGRES_URL)('an outage of PostgreSQL', () => {
  const MESSAGES = 100;
  const STATUSES = ['sent', 'undelivered', 'delivered', 'read', 'failed'];

  it('loses none of five hundred callbacks, on nodes that share a spool', async () => {
    let proxy: TcpProxy | undefined;
    const through = (options: DataSourceOptions): DataSourceOptions =>
      ({ ...options, url: proxy!.url }) as DataSourceOptions;
    const t = await startApplication({
      database: POSTGRES_URL,
      options: { spool: { directory } },
    });
    try {
      const twilio = new CallbackClient(t);
      proxy = await new TcpProxy(new URL(t.database.url)).start();
      // The first node has the messages sent and sees the truth; the others answer Twilio.
      const nodes = await Promise.all(
        [1, 2].map(() =>
          startHost(t.database.options, t.simulator.url, {
            dataSource: through,
            options: { spool: { directory }, publicUrl: t.url },
          }),
        ),
      );
      const clients = nodes.map(({ app }) => new CallbackClient({ ...t, app }));
      const messages = await twilio.sentMessages(MESSAGES);
      await proxy.cut();

      const callbacks = messages.flatMap((message) =>
        STATUSES.map((status) => ({ ...message, status })),
      );
      const answers: Record<number, number> = {};
      const queue = callbacks.entries();
      await Promise.all(
        Array.from({ length: 50 }, async () => {
          for (const [index, { url, sid, status }] of queue) {
            const answer = await clients[index % 2].post(url, fields(sid, status));
            answers[answer.status] = (answers[answer.status] ?? 0) + 1;
          }
        }),
      );
      expect(answers).toEqual({ 204: callbacks.length });
      // Its URL is good; that Twilio did not sign it is found out later.
      const [{ url, sid }] = messages;
      await clients[0]
        .post(url, fields(sid, 'forged'), sign(url, {}, 'another-auth-token'))
        .expect(204);
      const endOfOutage = new Date();

      await proxy.start();
      await eventually(() => files().length === 0);
      const rows = await t.app.get(DataSource, { strict: false }).query(
        `SELECT provider_status, COUNT(*)::int AS count, MAX(occurred_at)::float AS last
           FROM twilio_whatsapp_delivery_event WHERE source = 'callback' GROUP BY provider_status`,
      );
      const counts = rows as { provider_status: string; count: number; last: number }[];
      expect(
        Object.fromEntries(counts.map(({ provider_status, count }) => [provider_status, count])),
      ).toEqual(Object.fromEntries(STATUSES.map((status) => [status, MESSAGES])));
      for (const { last } of counts) expect(last).toBeLessThanOrEqual(endOfOutage.getTime());
      const statuses = await t.app
        .get(DataSource, { strict: false })
        .query('SELECT DISTINCT status FROM twilio_whatsapp_message');
      expect(statuses).toEqual([{ status: 'seen' }]);
      expect(readdirSync(directory)).toEqual([]);

      // They are as good as before.
      const [{ id }] = messages;
      await clients[1].post(url, fields(sid, 'accepted')).expect(204);
      expect((await twilio.detail(id)).events.map((event) => event.providerStatus)).toContain(
        'accepted',
      );
      await Promise.all(nodes.map(({ app }) => app.close()));
    } finally {
      await proxy?.cut();
      await t.stop();
    }
  }, 120_000);
});
