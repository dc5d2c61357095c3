import { join } from 'node:path';
import { registerAs, type ConfigType } from '@nestjs/config';
import { configurationFrom } from '../providers/configuration.js';
import type { TwilioWhatsappModuleOptions } from '../twilio-whatsapp.options.js';
import { readEnvironment } from './environment.js';
import { dataFolder, secretsOf } from './secrets.js';

/** What `SPOOL_DIRECTORY` says to keep callbacks nowhere. */
const NO_SPOOL = 'none';

/** The settings of the backend, checked, from its environment and an `.env` file. */
export const backendConfig = registerAs('backend', () => {
  const environment = readEnvironment(process.env);
  const secrets = secretsOf(environment);
  const directory = environment.SPOOL_DIRECTORY ?? join(dataFolder(environment), 'spool');
  return {
    port: environment.PORT,
    host: environment.host,
    logLevel: environment.LOG_LEVEL,
    databaseUrl: environment.DATABASE_URL,
    publicUrl: environment.publicUrl,
    secretsFile: secrets.file,
    secretsWarning: secrets.warning,
    whatsapp: {
      publicUrl: environment.publicUrl,
      encryptionKeys: [...secrets.encryptionKeys],
      api: { key: secrets.apiKey, secret: secrets.apiSecret },
      provider: configurationFrom(environment),
      retention: {
        redactAfterDays: environment.RETENTION_REDACT_AFTER_DAYS,
        purgeAfterDays: environment.RETENTION_PURGE_AFTER_DAYS,
      },
      twilioApiUrl: environment.TWILIO_API_URL,
      redis: environment.REDIS_URL,
      delivery: {
        maxInFlight: environment.MAX_IN_FLIGHT,
        messagesPerSecond: environment.MESSAGES_PER_SECOND,
        accountMessagesPerSecond: environment.ACCOUNT_MESSAGES_PER_SECOND,
        ambiguousPolicy: environment.AMBIGUOUS_POLICY,
        isExclusive: environment.EXCLUSIVE_ACCOUNTS,
      },
      spool: directory === NO_SPOOL ? undefined : { directory },
    } satisfies TwilioWhatsappModuleOptions,
  };
});
export type BackendConfig = ConfigType<typeof backendConfig>;
