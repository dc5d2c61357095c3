import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { CallbackReplay } from '../../src/callbacks/callback-replay.js';
import { CallbackSpool } from '../../src/callbacks/callback-spool.js';
import {
  ENCRYPTION_KEY,
  startApplication,
  startHost,
  type TestApplication,
} from '../support/application.js';
import { CallbackClient } from '../support/callback-forms.js';
import { describeOn } from '../support/databases.js';
import { eventually, sealedLine, SpoolFiles, spooledLine } from '../support/spool-files.js';
import { TcpProxy } from '../support/tcp-proxy.js';

const POSTGRES_URL = process.env.TEST_POSTGRES_URL;
const OTHER_KEY = Buffer.alloc(32, 9).toString('base64');

let spool: SpoolFiles;
beforeEach(() => {
  spool = new SpoolFiles();
});
afterEach(() => spool.remove());

/** The database refuses one status, and fails at another for a reason that nobody foresaw. */
const TRIGGERS = [
  `CREATE TRIGGER refusing BEFORE INSERT ON twilio_whatsapp_delivery_event
     WHEN NEW.provider_status = 'refused' BEGIN SELECT RAISE(ABORT, 'refused'); END`,
  `CREATE TRIGGER failing BEFORE INSERT ON twilio_whatsapp_delivery_event
     WHEN NEW.provider_status = 'failing' BEGIN SELECT json('{'); END`,
];

/** What is logged as an error, of this application. */
function errorsOf({ app }: TestApplication): string[] {
  const errors: string[] = [];
  const ignore = () => undefined;
  app.useLogger({ log: ignore, warn: ignore, error: (message) => errors.push(String(message)) });
  return errors;
}

const MALFORMED = [
  'not json',
  'null',
  '[]',
  '{}',
  '{"at":1,"request":{},"target":{}}',
  '{"at":1,"request":{"signature":"","query":"","isJson":false,"body":""},"target":{"instanceId":1}}',
];

describe('a spool with poison in it', () => {
  it('stores what can be stored, puts aside what never can, and says so once', async () => {
    const t = await startApplication({ options: { spool: { directory: spool.directory } } });
    const twilio = new CallbackClient(t);
    const messages = await twilio.sentMessages(9);
    const [amongMalformed, one, two, three, four, last, later, foreign, victim] = messages;
    const statusOf = async ({ id }: { id: string }) => (await twilio.detail(id)).status;
    const errors = errorsOf(t);
    for (const sql of TRIGGERS) await t.app.get(DataSource, { strict: false }).query(sql);

    const refused = spooledLine(victim, 'refused');
    const failing = spooledLine(victim, 'failing');
    const malformed = MALFORMED.map((text) => sealedLine(text));
    mkdirSync(spool.pathOf('08.corrupt'));
    writeFileSync(join(spool.pathOf('08.corrupt'), 'in the way'), '');
    mkdirSync(spool.pathOf('00.spool'));
    symlinkSync('01.spool', spool.pathOf('01.spool'));
    execFileSync('mkfifo', [spool.pathOf('02.spool')]);
    spool.add('03.spool', []);
    spool.add('04.spool', ['garbage', 'v1.garbage']);
    spool.add('05.spool', [...malformed, spooledLine(amongMalformed, 'read'), '']);
    spool.add('06.spool', [spooledLine(one, 'read'), refused, spooledLine(two, 'read')]);
    spool.add('07.spool', [spooledLine(three, 'read'), failing, spooledLine(four, 'read')]);
    spool.add('08.spool', ['garbage']);
    spool.add('09.spool', [spooledLine(foreign, 'read', OTHER_KEY)]);
    spool.add('10.spool', [spooledLine(last, 'read')]);

    for (const message of [amongMalformed, one, two, three, four, last]) {
      await eventually(async () => expect(await statusOf(message)).toBe('seen'));
    }
    const aside = ['00', '01', '02', '03', '04', '05', '06', '07', '08'];
    await eventually(() => {
      expect(spool.names('.corrupt')).toEqual(aside.map((name) => `${name}.corrupt`));
      // The one has no key, the other nowhere to go.
      expect(spool.names('.spool')).toEqual(['08.spool', '09.spool']);
    });
    expect(spool.linesOf('04.corrupt')).toEqual(['garbage', 'v1.garbage']);
    expect(spool.linesOf('05.corrupt')).toEqual(malformed);
    expect(spool.linesOf('06.corrupt')).toEqual([refused]);
    expect(spool.linesOf('07.corrupt')).toEqual([failing]);
    expect((await twilio.detail(victim.id)).status).toBe('sent');

    const before = [...errors];
    const mentions = (name: string) => before.filter((line) => line.includes(`${name}.`)).length;
    // A file that is tried again is named when it first fails, and when it is put aside.
    expect(Object.fromEntries([...aside, '09'].map((name) => [name, mentions(name)]))).toEqual({
      ...Object.fromEntries(aside.map((name) => [name, 1])),
      '01': 2,
      '07': 2,
      '09': 1,
    });
    spool.add('11.spool', [spooledLine(later, 'read')]);
    await eventually(async () => expect(await statusOf(later)).toBe('seen'));
    expect(errors).toEqual(before);

    await t.app.close();
    const next = await startHost(t.database.options, t.simulator.url, {
      options: {
        spool: { directory: spool.directory },
        publicUrl: t.url,
        encryptionKeys: [ENCRYPTION_KEY, OTHER_KEY],
      },
    });
    await eventually(() => expect(spool.names('.spool')).toEqual(['08.spool']));
    expect(await statusOfNext(next.app.get(DataSource, { strict: false }), foreign.id)).toBe(
      'seen',
    );
    await next.app.close();
    await t.simulator.stop();
    await t.database.drop();
  });
});

async function statusOfNext(dataSource: DataSource, id: string): Promise<unknown> {
  const [{ status }] = await dataSource.query(
    `SELECT status FROM twilio_whatsapp_message WHERE id = '${id}'`,
  );
  return status;
}

describeOn(POSTGRES_URL)('an entry at which the database ends the connection', () => {
  it('holds back neither its neighbours nor the files behind it', async () => {
    const t = await startApplication({ database: POSTGRES_URL });
    const proxy = await new TcpProxy(new URL(t.database.url)).start();
    const node = await startHost(t.database.options, t.simulator.url, {
      dataSource: (options) => ({ ...options, url: proxy.url }) as DataSourceOptions,
      options: { spool: { directory: spool.directory }, publicUrl: t.url },
    });
    try {
      const twilio = new CallbackClient(t);
      const [one, two, behind, victim] = await twilio.sentMessages(4);
      proxy.refuse('tooheavy');
      const poison = spooledLine(victim, 'tooheavy');
      spool.add('0.spool', [spooledLine(one, 'read'), poison, spooledLine(two, 'read')]);
      spool.add('1.spool', [spooledLine(behind, 'read')]);
      await eventually(() => expect(spool.names()).toEqual(['0.corrupt']));
      expect(spool.linesOf('0.corrupt')).toEqual([poison]);
      for (const { id } of [one, two, behind]) {
        expect((await twilio.detail(id)).status).toBe('seen');
      }
    } finally {
      await node.app.close();
      await proxy.cut();
      await t.stop();
    }
  });
});

describe('a database that takes nothing for a while', () => {
  it('has no callback put aside, however often it is tried', async () => {
    const t = await startApplication({
      options: { spool: { directory: spool.directory }, delivery: { pollIntervalMs: 10 } },
    });
    const twilio = new CallbackClient(t);
    const dataSource = t.app.get(DataSource, { strict: false });
    const messages = await twilio.sentMessages(6);
    // It answers, and every write fails, as on a full disk.
    await dataSource.query(TRIGGERS[1].replace("NEW.provider_status = 'failing'", 'true'));
    const errors = errorsOf(t);
    const reads = jest.spyOn(t.app.get(CallbackSpool, { strict: false }), 'read');
    const names = messages.map((_message, index) => `${index}.spool`);
    for (const [index, name] of names.entries()) {
      spool.add(name, [spooledLine(messages[index], 'read')]);
    }
    const MANY = 8;
    await eventually(() => {
      for (const name of names) {
        const times = reads.mock.calls.filter(([read]) => read === name).length;
        expect(times).toBeGreaterThan(MANY);
      }
    });
    expect(spool.names()).toEqual(names);
    expect(errors).toHaveLength(names.length);
    await dataSource.query('DROP TRIGGER failing');
    await eventually(() => expect(spool.names()).toEqual([]));
    for (const { id } of messages) expect((await twilio.detail(id)).status).toBe('seen');
    reads.mockRestore();
    await t.stop();
  });
});

describe('a replay that the database keeps waiting', () => {
  it('holds up the end of the application no longer than the drain may take', async () => {
    const t = await startApplication({
      options: { spool: { directory: spool.directory }, delivery: { drainTimeoutMs: 100 } },
    });
    const twilio = new CallbackClient(t);
    const [message] = await twilio.sentMessages(1);
    const dataSource = t.app.get(DataSource, { strict: false });
    const reads = jest.spyOn(t.app.get(CallbackSpool, { strict: false }), 'read');
    // The module waits while the host has a transaction open on SQLite's one connection.
    await dataSource.query('BEGIN');
    try {
      const replay = t.app.get(CallbackReplay, { strict: false });
      spool.add('0.spool', [spooledLine(message, 'read')]);
      await eventually(() => expect(reads).toHaveBeenCalledWith('0.spool'));
      replay.onModuleDestroy();
      const late = new Promise((resolve) => setTimeout(resolve, 5000, 'late').unref());
      expect(await Promise.race([replay.beforeApplicationShutdown(), late])).toBeUndefined();
      expect(spool.names()).toEqual(['0.spool']);
    } finally {
      await dataSource.query('COMMIT');
      jest.restoreAllMocks();
      await t.stop();
    }
  });
});
