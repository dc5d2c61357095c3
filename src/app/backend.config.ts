import { join } from 'node:path';
import { registerAs, type ConfigType } from '@nestjs/config';
import { optionsFrom, spoolIn } from '../twilio-whatsapp.environment.js';
import type { TwilioWhatsappModuleOptions } from '../twilio-whatsapp.options.js';
import { readEnvironment } from './environment.js';
import { dataFolder, secretsOf } from './secrets.js';

/** The settings of the backend, checked, from its environment and an `.env` file. */
export const backendConfig = registerAs('backend', () => {
  const environment = readEnvironment(process.env);
  const secrets = secretsOf(environment);
  return {
    port: environment.PORT,
    host: environment.host,
    logLevel: environment.LOG_LEVEL,
    databaseUrl: environment.DATABASE_URL,
    publicUrl: environment.publicUrl,
    secretsFile: secrets.file,
    secretsWarning: secrets.warning,
    whatsapp: {
      ...optionsFrom(environment),
      // The backend has a default for what an application must say.
      publicUrl: environment.publicUrl,
      encryptionKeys: [...secrets.encryptionKeys],
      api: { key: secrets.apiKey, secret: secrets.apiSecret },
      spool: spoolIn(environment.SPOOL_DIRECTORY ?? join(dataFolder(environment), 'spool')),
    } satisfies TwilioWhatsappModuleOptions,
  };
});
export type BackendConfig = ConfigType<typeof backendConfig>;
