import { Module } from '@nestjs/common';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { renameSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { HealthController } from '../../src/app/health.controller.js';
import { WriteProbe } from '../../src/app/write-probe.js';
import { DatabaseError } from '../../src/database/database-error.js';
import { fictionalNumber, startApplication, type TestApplication } from '../support/application.js';
import { CallbackClient, fields, sign } from '../support/callback-forms.js';
import { DATABASES, describeOn } from '../support/databases.js';

const LOCK_TIMEOUT_MS = 400;

@Module({ controllers: [HealthController], providers: [WriteProbe] })
class HealthModule {}

const start = (database: string, databaseTimeoutMs: number): Promise<TestApplication> =>
  startApplication({
    database,
    options: { delivery: { databaseTimeoutMs } },
    imports: [HealthModule],
  });

/** A way in which storage takes no writes. */
interface Failure {
  readonly name: string;
  /** @returns what ends it */
  readonly begin: (t: TestApplication) => Promise<() => Promise<unknown>>;
}

const sql = (t: TestApplication, statement: string): Promise<Record<string, unknown>[]> =>
  t.app.get(DataSource, { strict: false }).query(statement);

const fileOf = (t: TestApplication): string => t.database.url.slice('sqlite://'.length);

const SQLITE_FAILURES: readonly Failure[] = [
  {
    name: 'is full',
    async begin(t) {
      const [{ page_count: pages }] = await sql(t, 'PRAGMA page_count');
      await sql(t, `PRAGMA max_page_count = ${String(pages)}`);
      return () => sql(t, 'PRAGMA max_page_count = 1000000');
    },
  },
  {
    name: 'only reads',
    async begin(t) {
      await sql(t, 'PRAGMA query_only = ON');
      return () => sql(t, 'PRAGMA query_only = OFF');
    },
  },
  {
    name: 'is locked',
    begin: (t) => lockFromOtherProcess(fileOf(t)),
  },
  {
    name: 'was moved',
    async begin(t) {
      const file = fileOf(t);
      renameSync(file, `${file}.moved`);
      return async () => renameSync(`${file}.moved`, file);
    },
  },
  {
    name: 'has lost its tables',
    async begin(t) {
      const tables = ['notification', 'user', 'provider_instance', 'message'];
      const rename = async (from: string, to: string) => {
        for (const table of tables) {
          await sql(
            t,
            `ALTER TABLE twilio_whatsapp_${table}${from} RENAME TO twilio_whatsapp_${table}${to}`,
          );
        }
      };
      await rename('', '_gone');
      return () => rename('_gone', '');
    },
  },
];

const TABLES = ['notification', 'user', 'provider_instance', 'message', 'delivery_event'];

/** The database refuses each write with this error of its own. */
const postgresRefusal = (code: string): Failure => ({
  name: `refuses with ${code}`,
  async begin(t) {
    await sql(
      t,
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '${code}'; END $$`,
    );
    for (const table of TABLES) {
      await sql(
        t,
        `CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON twilio_whatsapp_${table}
          FOR EACH STATEMENT EXECUTE FUNCTION refuse()`,
      );
    }
    return () => sql(t, 'DROP FUNCTION refuse CASCADE');
  },
});

const mariadbRefusal = (errno: number): Failure => ({
  name: `refuses with ${errno}`,
  async begin(t) {
    const events = TABLES.flatMap((table) =>
      ['INSERT', 'UPDATE'].map((event) => ({ table, event })),
    );
    for (const { table, event } of events) {
      await sql(
        t,
        `CREATE TRIGGER refuse_${table}_${event} BEFORE ${event} ON twilio_whatsapp_${table}
          FOR EACH ROW SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = ${errno}, MESSAGE_TEXT = 'refused'`,
      );
    }
    return async () => {
      for (const { table, event } of events) await sql(t, `DROP TRIGGER refuse_${table}_${event}`);
    };
  },
});

/** Ends the other connections, so that new ones begin with what was set meanwhile. */
const endConnections = (t: TestApplication): Promise<unknown> =>
  sql(
    t,
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  );

const POSTGRES_FAILURES: readonly Failure[] = [
  {
    name: 'only reads',
    async begin(t) {
      const name = new URL(t.database.url).pathname.slice(1);
      const set = async (value: string) => {
        await sql(t, `SET default_transaction_read_only = off`);
        await sql(t, `ALTER DATABASE ${name} SET default_transaction_read_only = ${value}`);
        await endConnections(t);
        await sql(t, `SET default_transaction_read_only = ${value}`);
      };
      await set('on');
      return () => set('off');
    },
  },
  // Full disk, too many connections, starting up, no rights.
  ...['53100', '53300', '57P03', '42501', '3D000'].map(postgresRefusal),
];

// Full disk, full table, read-only (--read-only, and read_only of the engine), no rights.
const MARIADB_FAILURES = [1021, 1114, 1290, 1836, 1142].map(mariadbRefusal);

const FAILURES = {
  SQLite: SQLITE_FAILURES,
  PostgreSQL: POSTGRES_FAILURES,
  MariaDB: MARIADB_FAILURES,
};

for (const { name, url } of DATABASES) {
  describeOn(url)(name, () => {
    let t: TestApplication;
    beforeAll(async () => {
      t = await start(url!, LOCK_TIMEOUT_MS);
    });
    afterAll(() => t.stop());

    const send = (identifier: string, phoneNumber: string) =>
      t
        .api()
        .post('/v3/notifications')
        .send({
          notification: { title: 'Hello' },
          sendTo: { recipients: [{ identifier, phoneNumber }] },
          data: { padding: 'x'.repeat(10_000) },
        });

    it.each(FAILURES[name])(
      'storage that $name is answered with 503, and is ready again afterwards',
      async ({ begin }) => {
        const end = await begin(t);
        try {
          const padding = 'x'.repeat(10_000);
          const answers = await Promise.all([
            send('nobody', fictionalNumber(1)),
            t.api().put('/v3/users/nobody').send({ padding }),
            t
              .api()
              .post('/v3/provider-instances')
              .send({
                name: 'another',
                config: {
                  TWILIO_ACCOUNT_SID: `AC${'c'.repeat(32)}`,
                  TWILIO_AUTH_TOKEN: 'not-a-real-auth-token-0003',
                  TWILIO_FROM_NUMBER: '+14155238888',
                },
              }),
          ]);
          for (const { status, headers, body } of answers.slice(0, 2)) {
            expect({ status, retryAfter: headers['retry-after'], body }).toMatchObject({
              status: 503,
              retryAfter: '1',
              body: { message: expect.stringContaining('takes no writes now') },
            });
          }
          // A small row may find room on a page of a full disk.
          expect([201, 503]).toContain(answers[2].status);
          expect(await eventuallyReady(t, 503)).toContain('takes no writes');
          await t.api().get('/health/live').expect(200);
        } finally {
          await end();
        }
        await eventuallyReady(t, 200);
        await send('somebody', fictionalNumber(2)).expect(202);
      },
    );
  });
}

async function eventuallyReady(t: TestApplication, wanted: number): Promise<string> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const { status, body } = await t.api().get('/health/ready');
    if (status === wanted) return String(Object(body).message);
    if (Date.now() > deadline) throw new Error(`/health/ready answered ${status}`);
    await delay(50);
  }
}

/** Another process that begins to write into an SQLite database. @returns what releases the lock */
async function lockFromOtherProcess(file: string): Promise<() => Promise<void>> {
  const holder = spawn(
    process.execPath,
    [
      '-e',
      `const db = new (require('better-sqlite3'))(process.argv[1]);
      db.exec('BEGIN IMMEDIATE');
      console.log('locked');
      process.stdin.once('data', () => { db.exec('COMMIT'); process.exit(); });`,
      file,
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  await once(holder.stdout, 'data');
  return async () => {
    holder.stdin.write('end');
    await once(holder, 'exit');
  };
}

describe('another process that writes into the SQLite database', () => {
  it('is waited for without holding anything else up, and nothing is lost', async () => {
    const t = await start('sqlite', 5000);
    const { url, sid } = await new CallbackClient(t).sentMessage();
    const unlock = await lockFromOtherProcess(fileOf(t));
    const loop = monitorEventLoopDelay({ resolution: 5 });
    loop.enable();
    const form = fields(sid, 'read');
    let answered = 0;
    const writes = Promise.all(
      [
        t
          .api()
          .put('/v3/users/waiting')
          .send({ phoneNumber: fictionalNumber(3) }),
        t
          .api()
          .post('/v3/notifications')
          .send({
            notification: { title: 'Hello' },
            sendTo: { recipients: [{ identifier: 'also', phoneNumber: fictionalNumber(4) }] },
          }),
        fetch(url, {
          method: 'POST',
          headers: { 'X-Twilio-Signature': sign(url, form) },
          body: new URLSearchParams(form),
        }),
      ].map(async (write) => {
        const { status } = await write;
        answered++;
        return status;
      }),
    );
    const slowest = await slowestLiveAnswer(t, 1500);
    loop.disable();
    expect(answered).toBe(0);
    await unlock();
    expect(await writes).toEqual([200, 202, 204]);
    expect(slowest).toBeLessThan(300);
    expect(loop.max / 1e6).toBeLessThan(300);
    const { body } = await t.api().get('/v3/users/waiting').expect(200);
    expect(body).toMatchObject({ phoneNumber: fictionalNumber(3) });
    await t.stop();
  });
});

/** Asks over and over for so long. @returns the milliseconds of the slowest answer */
async function slowestLiveAnswer(t: TestApplication, ms: number): Promise<number> {
  const end = performance.now() + ms;
  let slowest = 0;
  while (performance.now() < end) {
    const begun = performance.now();
    await t.api().get('/health/live').expect(200);
    slowest = Math.max(slowest, performance.now() - begun);
  }
  return slowest;
}

describe('DatabaseError', () => {
  it.each([
    '57P01',
    '57P02',
    '53200',
    '28P01',
    'ER_BAD_DB_ERROR',
    'ER_GET_ERRNO',
    'SQLITE_CORRUPT',
  ])('knows that %s is about the database, not about what was to be stored', (code) => {
    expect(new DatabaseError({ code, message: 'no' })).toMatchObject({
      isUnavailable: true,
      isRefusal: false,
    });
  });
});
