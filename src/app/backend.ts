import { ConsoleLogger, Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { useWhatsappBodyParsers } from '../http/body-parsers.js';
import { withoutUserInfo } from '../providers/public-url.js';
import { limitRequestTime } from '../http/request-time.js';
import { AppModule } from './app.module.js';
import { backendConfig, type BackendConfig } from './backend.config.js';
import { sqliteFile } from './data-source.js';
import { LOG_LEVELS } from './environment.js';
import { createPrivateFile, tightenFile } from './private-files.js';

// Identifiers of users stand in paths.
const MAX_PARAMETER_LENGTH = 1024;
const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

/** Starts the backend that the environment describes. @throws EnvironmentError, SecretsFileError */
export async function startBackend(): Promise<NestFastifyApplication> {
  const config = backendConfig();
  const warnings = [config.secretsWarning, ...keepDatabasePrivate(config.databaseUrl)];
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
  for (const warning of warnings) if (warning) new Logger('Backend').warn(warning);
  return app;
}

/** For people on a terminal, for machines one line of JSON an entry. */
function loggerOf({ logLevel }: BackendConfig): ConsoleLogger {
  return new ConsoleLogger({
    json: !process.stdout.isTTY,
    logLevels: LOG_LEVELS.slice(0, LOG_LEVELS.indexOf(logLevel) + 1),
  });
}

/**
 * Makes the files of an SQLite database, which hold texts and phone numbers, readable by their owner only.
 *
 * @returns what is to be said about files that others could read until now
 */
function keepDatabasePrivate(databaseUrl: string): (string | undefined)[] {
  const file = sqliteFile(databaseUrl);
  if (file === undefined) return [];
  // SQLite gives its other files the mode of the first.
  createPrivateFile(file);
  return [file, `${file}-wal`, `${file}-shm`].map(tightenFile);
}

function announce({ host, port, publicUrl, secretsFile }: BackendConfig): void {
  const logger = new Logger('Backend');
  const reach = LOOPBACK.has(host) ? ' (this machine only, unless HOST says otherwise)' : '';
  logger.log(`Listening on ${host}:${port}${reach}: ${withoutUserInfo(publicUrl)}/v3`);
  if (secretsFile) {
    logger.warn(
      `API_KEY, API_SECRET or ENCRYPTION_KEYS are not set: they were made for you and are kept in ${secretsFile}`,
    );
  }
}
