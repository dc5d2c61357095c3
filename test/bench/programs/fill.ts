import { DataSource, type DataSourceOptions } from 'typeorm';
import { Database } from '#library/database/database.js';
import { TwilioWhatsappOptions } from '#library/twilio-whatsapp.options.js';
import { ProviderInstances } from '#library/providers/provider-instances.service.js';
import { serve } from '../harness/program.js';
import { usualDatabase } from '../rivals/usual.database.js';
import { startContext } from '../subject.js';
import { fillMessages, fillUsual } from '../table.js';

/** Fills databases before a measurement. */
export type Fill = {
  subject(databaseUrl: string, count: number): Promise<void>;
  usual(databaseUrl: string, count: number): Promise<void>;
};

serve({
  async subject(databaseUrl: string, count: number) {
    const app = await startContext({ databaseUrl, twilioUrl: 'http://127.0.0.1:9' });
    const { row } = await app.get(ProviderInstances, { strict: false }).choose();
    const database = app.get(Database, { strict: false });
    await fillMessages(database, row.id, count);
    await analyze(database.dataSource);
    await app.close();
  },
  async usual(databaseUrl: string, count: number) {
    const dataSource = await new DataSource(
      usualDatabase(databaseUrl) as DataSourceOptions,
    ).initialize();
    await fillUsual(new Database(dataSource, new TwilioWhatsappOptions()), count);
    await analyze(dataSource);
    await dataSource.destroy();
  },
} satisfies Fill);

/** What autovacuum does after a while. */
async function analyze(dataSource: DataSource): Promise<void> {
  if (dataSource.options.type === 'postgres') await dataSource.query('VACUUM ANALYZE');
}
