import 'reflect-metadata';
import { registerAs } from '@nestjs/config';
import {
  EnvironmentError,
  ModuleEnvironment,
  optionsFrom,
  readVariables,
} from './twilio-whatsapp.environment.js';
import type { TwilioWhatsappModuleOptions } from './twilio-whatsapp.options.js';

export { EnvironmentError };

/**
 * The module's options from the environment, for applications that use `@nestjs/config`. It reads the variables that
 * the backend reads, except for those of the backend alone: `PORT`, `HOST`, `DATABASE_URL`, `LOG_LEVEL`.
 *
 * @example
 * ```ts
 * TwilioWhatsappModule.forRootAsync(twilioWhatsappConfig.asProvider())
 * ```
 * @throws EnvironmentError that names every variable that is wrong
 */
export const twilioWhatsappConfig = registerAs(
  'twilioWhatsapp',
  (): TwilioWhatsappModuleOptions => {
    const { value, problems } = readVariables(ModuleEnvironment, process.env);
    if (problems.length > 0) throw new EnvironmentError(problems);
    return optionsFrom(value);
  },
);
