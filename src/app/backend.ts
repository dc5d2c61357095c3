import { ConsoleLogger, Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { useWhatsappBodyParsers } from '../http/body-parsers.js';
import { limitRequestTime } from '../http/request-time.js';
import { AppModule } from './app.module.js';
import { backendConfig, type BackendConfig } from './backend.config.js';
import { LOG_LEVELS } from './environment.js';

// Identifiers of users stand in paths.
const MAX_PARAMETER_LENGTH = 1024;

/** Starts the backend that the environment describes. @throws EnvironmentError */
export async function startBackend(): Promise<NestFastifyApplication> {
  const config = backendConfig();
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule,
    new FastifyAdapter({ routerOptions: { maxParamLength: MAX_PARAMETER_LENGTH } }),
    { rawBody: true, logger: loggerOf(config), abortOnError: false },
  );
  useWhatsappBodyParsers(app);
  limitRequestTime(app);
  app.enableShutdownHooks();
  await app.listen(config.port, config.host);
  announce(config);
  return app;
}

/** For people on a terminal, for machines one line of JSON an entry. */
function loggerOf({ logLevel }: BackendConfig): ConsoleLogger {
  return new ConsoleLogger({
    json: !process.stdout.isTTY,
    logLevels: LOG_LEVELS.slice(0, LOG_LEVELS.indexOf(logLevel) + 1),
  });
}

function announce({ publicUrl, secretsFile }: BackendConfig): void {
  const logger = new Logger('Backend');
  logger.log(`Listening: ${publicUrl}/v3`);
  if (secretsFile) {
    logger.warn(
      `API_KEY, API_SECRET or ENCRYPTION_KEYS are not set: they were made for you and are kept in ${secretsFile}`,
    );
  }
}
