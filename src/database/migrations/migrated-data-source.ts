import { DataSource, MigrationExecutor, type DataSourceOptions } from 'typeorm';
import { underMigrationLock } from './migration-lock.js';

/**
 * Opens a data source and runs its migrations, one process at a time: `migrationsRun` of many that start at once may
 * fail over TypeORM's own table of migrations. Fits into `dataSourceFactory` of `TypeOrmModule.forRootAsync`.
 */
export async function createMigratedDataSource(options?: DataSourceOptions): Promise<DataSource> {
  if (!options) throw new Error('createMigratedDataSource needs the options of the data source.');
  const dataSource = new DataSource({ ...options, migrationsRun: false });
  await dataSource.initialize();
  try {
    await runMigrations(dataSource);
    return dataSource;
  } catch (error) {
    await dataSource.destroy();
    throw error;
  }
}

async function runMigrations(dataSource: DataSource): Promise<void> {
  const queryRunner = dataSource.createQueryRunner();
  try {
    // On the connection that holds the lock: each migration of ours takes it again.
    const executor = new MigrationExecutor(dataSource, queryRunner);
    executor.transaction = dataSource.options.migrationsTransactionMode ?? 'all';
    await underMigrationLock(queryRunner, () => executor.executePendingMigrations());
  } finally {
    await queryRunner.release();
  }
}
