import type { Database } from '../database/database.js';
import { sqliteDialect } from '../database/sqlite.dialect.js';
import type { CredentialsCipher } from '../providers/credentials-cipher.js';
import { NotificationStore } from './notification-store.js';

const MANY = 10_000;

describe('NotificationStore', () => {
  const ids = Array.from({ length: MANY }, (_, index) => `notification-${index}`);
  let asked: string[];
  let store: NotificationStore;

  beforeEach(() => {
    asked = [];
    const database = {
      dialect: sqliteDialect,
      query(_sql: string, rows: string) {
        const wanted = (JSON.parse(rows) as { id: string }[]).map(({ id }) => id);
        asked.push(...wanted);
        return Promise.resolve(
          wanted.map((id) => ({ id, parameters: `{"Body":"${id}"}`, credentials: null })),
        );
      },
    } as unknown as Database;
    store = new NotificationStore(database, {} as CredentialsCipher);
  });

  it.each<[string, () => unknown]>([
    ['stored', () => ids.forEach((id) => store.keep(id, { parameters: { Body: id } }))],
    ['read', () => store.load(ids)],
  ])(
    'keeps a bounded number of what was %s in memory, and reads the rest again',
    async (_, fill) => {
      await fill();
      asked = [];
      const found = await store.load(ids);
      expect(asked.length).toBeGreaterThanOrEqual(MANY - 2000);
      expect(asked).not.toContain(ids.at(-1));
      expect(ids.map((id) => found.get(id)?.parameters.Body)).toEqual(ids);
    },
  );
});
