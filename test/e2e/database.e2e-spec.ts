import { inspect } from 'node:util';
import { DataSource } from 'typeorm';
import { DatabaseError } from '../../src/database/database-error.js';
import { Database } from '../../src/database/database.js';
import { TwilioWhatsappOptions } from '../../src/twilio-whatsapp.options.js';
import { query } from '../../src/database/transaction.js';
import { createDatabase, DATABASES, describeOn, type TestDatabase } from '../support/databases.js';

for (const { name, url } of DATABASES) {
  describeOn(url)(`the database ${name}`, () => {
    let database: TestDatabase;
    let dataSource: DataSource;

    beforeAll(async () => {
      database = await createDatabase(url!);
      dataSource = await new DataSource(database.options).initialize();
      await dataSource.runMigrations();
    });
    afterAll(async () => {
      await dataSource.destroy();
      await database.drop();
    });

    const insert = (identifier: string, profile: string) =>
      query(
        'INSERT INTO twilio_whatsapp_user (identifier, profile, created_at, updated_at) VALUES (?, ?, 1, 1)',
        identifier,
        profile,
      );

    it('says what failed, and nothing of what was to be stored', async () => {
      const db = new Database(dataSource, new TwilioWhatsappOptions());
      await db.transaction(() => insert('canary-user', 'canary-text'));
      for (const attempt of [
        () => db.transaction(() => insert('canary-user', 'canary-text')),
        () => db.query('SELECT nothing FROM nowhere WHERE x = ?', 'canary-text'),
        () =>
          dataSource.transaction((manager) =>
            db.runWithin(manager, () => insert('canary-user', 'canary-text')),
          ),
      ]) {
        const error: unknown = await attempt().catch((failure: unknown) => failure);
        expect(error).toBeInstanceOf(DatabaseError);
        expect(inspect(error, { depth: 9 }) + JSON.stringify(error)).not.toContain('canary');
      }
    });

    it('knows a key that is taken', async () => {
      const db = new Database(dataSource, new TwilioWhatsappOptions());
      await db.transaction(() => insert('taken', '{}'));
      await expect(db.transaction(() => insert('taken', '{}'))).rejects.toMatchObject({
        isDuplicate: true,
        isRefusal: true,
      });
      await expect(db.query('SELECT nothing FROM nowhere')).rejects.toMatchObject({
        isDuplicate: false,
      });
    });

    it('keeps all of a transaction or nothing', async () => {
      const db = new Database(dataSource, new TwilioWhatsappOptions());
      const half = db.transaction(function* () {
        yield* insert('half', '{}');
        throw new Error('changed its mind');
      });
      await expect(half).rejects.toThrow('changed its mind');
      expect(
        await db.query('SELECT identifier FROM twilio_whatsapp_user WHERE identifier = ?', 'half'),
      ).toEqual([]);
    });
  });
}

describe('SQLite', () => {
  it('flushes every commit to the disk, also after the file is opened again', async () => {
    const database = await createDatabase('sqlite');
    for (let opening = 1; opening <= 2; opening++) {
      const dataSource = await new DataSource(database.options).initialize();
      await new Database(dataSource, new TwilioWhatsappOptions()).onModuleInit();
      expect(await dataSource.query('PRAGMA synchronous')).toEqual([{ synchronous: 2 }]);
      expect(await dataSource.query('PRAGMA journal_mode')).toEqual([{ journal_mode: 'wal' }]);
      await dataSource.query(`CREATE TABLE t${opening} (a)`);
      await dataSource.destroy();
    }
    await database.drop();
  });
});
