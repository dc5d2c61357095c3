import { registerAs } from '@nestjs/config';
import { configurationFrom } from './providers/configuration.js';
import type { TwilioWhatsappModuleOptions } from './twilio-whatsapp.options.js';

/**
 * The module's options from the environment, for hosts that use `@nestjs/config`:
 * `TwilioWhatsappModule.forRootAsync(twilioWhatsappConfig.asProvider())`.
 *
 * Reads `PUBLIC_URL`, `ENCRYPTION_KEYS` (comma-separated), `API_KEY`, `API_SECRET`, `TWILIO_API_URL`, `RETENTION_REDACT_AFTER_DAYS`, `RETENTION_PURGE_AFTER_DAYS`
 * and the configuration keys of the provider, such as `TWILIO_ACCOUNT_SID`.
 */
export const twilioWhatsappConfig = registerAs('twilioWhatsapp', (): TwilioWhatsappModuleOptions =>
  optionsFrom(process.env),
);

/** What is missing is left out, and found by the validation of the options. */
function optionsFrom(env: NodeJS.ProcessEnv): TwilioWhatsappModuleOptions {
  const provider = configurationFrom(env);
  return {
    publicUrl: env.PUBLIC_URL ?? '',
    encryptionKeys: (env.ENCRYPTION_KEYS ?? '').split(',').filter(Boolean),
    ...(env.API_KEY && env.API_SECRET && { api: { key: env.API_KEY, secret: env.API_SECRET } }),
    ...(provider && { provider }),
    retention: {
      redactAfterDays: numberOf(env.RETENTION_REDACT_AFTER_DAYS),
      purgeAfterDays: numberOf(env.RETENTION_PURGE_AFTER_DAYS),
    },
    ...(env.TWILIO_API_URL && { twilioApiUrl: env.TWILIO_API_URL }),
  };
}

const numberOf = (text?: string): number | undefined => (text ? Number(text) : undefined);
