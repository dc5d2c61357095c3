import { registerAs, type ConfigType } from '@nestjs/config';
import { configurationFrom } from '../providers/configuration.js';
import type { TwilioWhatsappModuleOptions } from '../twilio-whatsapp.options.js';
import { readEnvironment } from './environment.js';
import { secretsOf } from './secrets.js';

/** The settings of the backend, checked, from its environment and an `.env` file. */
export const backendConfig = registerAs('backend', () => {
  const environment = readEnvironment(process.env);
  const secrets = secretsOf(environment);
  return {
    port: environment.PORT,
    host: environment.HOST,
    logLevel: environment.LOG_LEVEL,
    databaseUrl: environment.DATABASE_URL,
    publicUrl: environment.publicUrl,
    secretsFile: secrets.file,
    whatsapp: {
      publicUrl: environment.publicUrl,
      encryptionKeys: [...secrets.encryptionKeys],
      api: { key: secrets.apiKey, secret: secrets.apiSecret },
      provider: configurationFrom(environment),
      twilioApiUrl: environment.TWILIO_API_URL,
      redis: environment.REDIS_URL,
      delivery: {
        maxInFlight: environment.MAX_IN_FLIGHT,
        messagesPerSecond: environment.MESSAGES_PER_SECOND,
        accountMessagesPerSecond: environment.ACCOUNT_MESSAGES_PER_SECOND,
        ambiguousPolicy: environment.AMBIGUOUS_POLICY,
      },
    } satisfies TwilioWhatsappModuleOptions,
  };
});
export type BackendConfig = ConfigType<typeof backendConfig>;
