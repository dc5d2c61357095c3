import { Logger, type LogLevel } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { useWhatsappBodyParsers } from '../http/body-parsers.js';
import { withoutUserInfo } from '../providers/public-url.js';
import { limitRequestTime } from '../http/request-time.js';
import { AppModule } from './app.module.js';
import { backendConfig, type BackendConfig } from './backend.config.js';
import { BackendLogger } from './backend-logger.js';
import { sqliteFile } from './data-source.js';
import { LOG_LEVELS } from './environment.js';
import { createPrivateFile, tightenFile } from './private-files.js';
import { listeningOn, startLines } from './start-lines.js';

// Identifiers of users stand in paths.
const MAX_PARAMETER_LENGTH = 1024;

/** Starts the backend that the environment describes. @throws EnvironmentError, SecretsFileError */
export async function startBackend(): Promise<NestFastifyApplication> {
  const config = backendConfig();
  const warnings = [config.secretsWarning, ...keepDatabasePrivate(config.databaseUrl)];
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule,
    new FastifyAdapter({ routerOptions: { maxParamLength: MAX_PARAMETER_LENGTH } }),
    {
      rawBody: true,
      logger: new BackendLogger(levelsOf(config), process.stdout.isTTY),
      abortOnError: false,
    },
  );
  useWhatsappBodyParsers(app);
  limitRequestTime(app);
  app.enableShutdownHooks();
  await app.listen(config.port, config.host);
  announce(config);
  for (const warning of warnings) if (warning) new Logger('Backend').warn(warning);
  return app;
}

const levelsOf = ({ logLevel }: BackendConfig): LogLevel[] =>
  LOG_LEVELS.slice(0, LOG_LEVELS.indexOf(logLevel) + 1);

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

/** For people on a terminal in a few lines, for machines in one entry of the log. */
function announce(config: BackendConfig): void {
  const { publicUrl, secretsFile } = config;
  const logger = new Logger('Backend');
  if (!process.stdout.isTTY) {
    logger.log(`Listening on ${listeningOn(config)}: ${withoutUserInfo(publicUrl)}/v3`);
  } else if (levelsOf(config).includes('log')) {
    process.stdout.write(`\n${startLines(config).join('\n')}\n\n`);
  }
  if (secretsFile) {
    logger.warn(
      `API_KEY, API_SECRET or ENCRYPTION_KEYS are not set: they were made for you and are kept in ${secretsFile}`,
    );
  }
}
