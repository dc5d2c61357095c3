import { jest } from '@jest/globals';
import {
  DataSource,
  EventSubscriber,
  MigrationExecutor,
  type DataSourceOptions,
  type QueryRunner,
} from 'typeorm';
import { createMigratedDataSource } from '../../src/index.js';
import { createDatabase, DATABASES, describeOn, type TestDatabase } from '../support/databases.js';

const NODES = 4;

for (const { name, url } of DATABASES) {
  describeOn(url)(`migrations on ${name}`, () => {
    // MariaDB commits every statement that changes the schema; our own transaction is what locks SQLite.
    const modes = name === 'PostgreSQL' ? (['all', 'none'] as const) : (['all'] as const);
    let database: TestDatabase;
    let opened: DataSource[];

    beforeEach(async () => {
      database = await createDatabase(url!);
      opened = [];
    });
    afterEach(async () => {
      for (const dataSource of opened) await dataSource.destroy();
      await database.drop();
    });

    async function open(dataSource: Promise<DataSource>): Promise<DataSource> {
      opened.push(await dataSource);
      return dataSource;
    }

    it('make exactly what the entities describe, and can be taken back', async () => {
      const dataSource = await open(new DataSource(database.options).initialize());
      await dataSource.runMigrations();
      await expectComplete(dataSource);
      await dataSource.undoLastMigration();
      const { upQueries: all } = await dataSource.driver.createSchemaBuilder().log();
      expect(all.filter(({ query }) => query.startsWith('CREATE TABLE'))).toHaveLength(
        dataSource.entityMetadatas.length,
      );
    });

    if (name === 'PostgreSQL') {
      it('wait for one another longer than for a row', async () => {
        const other = await open(new DataSource(database.options).initialize());
        const holder = other.createQueryRunner();
        await holder.query(`SELECT pg_advisory_lock(x'7477696c696f5f77'::bigint)`);
        const extra = { lock_timeout: 50 };
        const booting = createMigratedDataSource({
          ...database.options,
          extra,
        });
        const waiting = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
        for (let seen = 0; seen < 20;) {
          seen += (await other.query(waiting)).length > 0 ? 1 : 0;
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        await holder.query(`SELECT pg_advisory_unlock(x'7477696c696f5f77'::bigint)`);
        await holder.release();
        const dataSource = await open(booting);
        await expectComplete(dataSource);
        expect(await dataSource.query('SHOW lock_timeout')).toEqual([{ lock_timeout: '50ms' }]);
      });
    }

    it.each(modes)(
      'go on where a process ended, whichever statement it was about to make (transactions: %s)',
      async (migrationsTransactionMode) => {
        // TypeORM says it of every boot that is cut off.
        const log = jest.spyOn(console, 'log').mockImplementation(() => undefined);
        const isTransactional = name !== 'MariaDB' && migrationsTransactionMode === 'all';
        const options = { ...database.options, migrationsTransactionMode };
        let cutOff: CutOff;
        let boots = 0;
        do {
          boots++;
          // What a transaction takes back leaves the next boot where this one began: it is cut off one statement later.
          // Otherwise every boot makes one statement, which is final, and is cut off before the next.
          cutOff = isTransactional ? cutOffAt(boots, ANY_WRITE) : cutOffAt(2, FINAL_WRITE);
          await open(createMigratedDataSource(cutOff.options(options))).catch((error: unknown) => {
            if (!cutOff.isReached) throw error;
          });
        } while (cutOff.isReached);
        log.mockRestore();
        const [dataSource] = opened;
        expect(boots).toBeGreaterThan(dataSource.entityMetadatas.length);
        await expectComplete(dataSource);
        expect(await dataSource.query('SELECT name FROM migrations')).toHaveLength(1);
      },
    );

    it('are made once by nodes that start at the same time', async () => {
      const nodes = await Promise.all(
        Array.from({ length: NODES }, () => open(createMigratedDataSource(database.options))),
      );
      await expectComplete(nodes[0]);
      expect(await nodes[0].query('SELECT name FROM migrations')).toHaveLength(1);
    });

    // In one process, SQLite's connections cannot wait for each other.
    (url === 'sqlite' ? it.skip : it)(
      'are made in turn by hosts that run them themselves',
      async () => {
        const first = await open(new DataSource(database.options).initialize());
        // The table of what has run is TypeORM's own.
        await new MigrationExecutor(first).showMigrations();
        await Promise.all(
          Array.from({ length: NODES }, () =>
            open(new DataSource({ ...database.options, migrationsRun: true }).initialize()),
          ),
        );
        await expectComplete(first);
      },
    );
  });
}

async function expectComplete(dataSource: DataSource): Promise<void> {
  const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
  expect(upQueries.map(({ query }) => query)).toEqual([]);
  if (dataSource.options.type !== 'mariadb') return;
  const tables: { collation: string }[] = await dataSource.query(
    `SELECT TABLE_COLLATION AS collation FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE 'twilio%'`,
  );
  expect(new Set(tables.map(({ collation }) => collation))).toEqual(new Set(['utf8mb4_nopad_bin']));
}

const ANY_WRITE = /^(CREATE|ALTER|DROP|INSERT|COMMIT)/;
const FINAL_WRITE = /^(CREATE|ALTER|DROP|INSERT)/;

interface CutOff {
  readonly isReached: boolean;
  options(options: DataSourceOptions): DataSourceOptions;
}

/** Ends the connection to the database, as the end of the process would, when it is about to make its nth such statement. */
function cutOffAt(n: number, statement: RegExp): CutOff {
  let count = 0;
  @EventSubscriber()
  class Subscriber {
    async beforeQuery({ query, queryRunner }: { query: string; queryRunner: QueryRunner }) {
      if (statement.test(query) && ++count === n) await endConnection(queryRunner);
    }
  }
  return {
    get isReached() {
      return count >= n;
    },
    options: (options) => ({ ...options, subscribers: [Subscriber] }),
  };
}

async function endConnection(queryRunner: QueryRunner): Promise<void> {
  const connection = await queryRunner.connect();
  switch (queryRunner.connection.options.type) {
    case 'postgres':
      return connection.connection.stream.destroy();
    case 'mariadb':
      return connection.destroy();
    default:
      return connection.close();
  }
}
