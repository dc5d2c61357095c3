import { Transform } from 'class-transformer';
import { IsIn, IsInt, IsOptional, IsString, Matches, Max, Min } from 'class-validator';
import {
  EnvironmentError,
  ModuleEnvironment,
  readVariables,
} from '../twilio-whatsapp.environment.js';
import { fieldsOf, unknownVariables } from '../validation/suggestion.js';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'] as const;

const DATABASE_URL = /^(sqlite:\/\/.+|(postgres|postgresql|mysql|mariadb):\/\/.+)$/;

/** The environment of the backend: what describes the module, and what is its own. */
export class Environment extends ModuleEnvironment {
  /** @default 3000 */
  @Transform(({ value }) => Number(value))
  @IsInt({ message: 'PORT must be a whole number from 0 to 65535, such as 3000' })
  @Min(0, { message: 'PORT must be a whole number from 0 to 65535, such as 3000' })
  @Max(65_535, { message: 'PORT must be a whole number from 0 to 65535, such as 3000' })
  PORT = 3000;

  /** Where it listens. @default 127.0.0.1, and 0.0.0.0 in production */
  @IsOptional()
  @IsString()
  HOST?: string;

  @Matches(DATABASE_URL, {
    message:
      'DATABASE_URL must start with sqlite://, postgres://, mysql:// or mariadb://, such as sqlite://./data/twilio-whatsapp.sqlite',
  })
  DATABASE_URL = 'sqlite://./data/twilio-whatsapp.sqlite';

  @IsIn(LOG_LEVELS, { message: `LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}` })
  LOG_LEVEL: (typeof LOG_LEVELS)[number] = 'log';

  /** Secrets that were made for a newcomer, and a simulated Twilio, are no matter of the network. */
  get host(): string {
    return this.HOST ?? (this.isProduction ? '0.0.0.0' : '127.0.0.1');
  }

  get publicUrl(): string {
    return this.PUBLIC_URL ?? `http://localhost:${this.PORT}`;
  }
}

/** @throws EnvironmentError that names every variable that is wrong */
export function readEnvironment(variables: NodeJS.ProcessEnv): Environment {
  const { value, problems } = readVariables(Environment, variables);
  if (value.isProduction) {
    for (const key of ['API_KEY', 'API_SECRET', 'ENCRYPTION_KEYS'] as const) {
      if (!value[key]) problems.push(`${key} must be set in production`);
    }
  }
  const others = Object.keys(variables).filter(
    (name) => variables[name] && !name.startsWith('TWILIO_'),
  );
  problems.push(...unknownVariables(others, fieldsOf(Environment)));
  if (problems.length > 0) throw new EnvironmentError(problems);
  return value;
}
