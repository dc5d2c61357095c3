import { DataSource } from 'typeorm';
import { createDatabase, DATABASES, describeOn, type TestDatabase } from '../support/databases.js';

for (const { name, url } of DATABASES) {
  describeOn(url)(`migrations on ${name}`, () => {
    let database: TestDatabase;
    let dataSource: DataSource;

    beforeAll(async () => {
      database = await createDatabase(url!);
      dataSource = await new DataSource(database.options).initialize();
    });
    afterAll(async () => {
      await dataSource.destroy();
      await database.drop();
    });

    it('make exactly what the entities describe, and can be taken back', async () => {
      await dataSource.runMigrations();
      const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
      expect(upQueries.map(({ query }) => query)).toEqual([]);
      await dataSource.undoLastMigration();
      const { upQueries: all } = await dataSource.driver.createSchemaBuilder().log();
      expect(all.filter(({ query }) => query.startsWith('CREATE TABLE'))).toHaveLength(
        dataSource.entityMetadatas.length,
      );
    });
  });
}
