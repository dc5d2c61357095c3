import {
  IsBoolean,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsOptional,
  IsPositive,
  IsString,
  Matches,
  Max,
  Min,
  ValidateIf,
} from 'class-validator';
import { Transform } from 'class-transformer';
import { applyDecorators } from '@nestjs/common';
import { MatchesForm, MatchesFormOfPair } from '../providers/dto/provider-config.dto.js';
import { IsPublicUrl, publicUrlProblem } from '../providers/public-url.js';
import { IsEncryptionKey } from '../providers/encryption-key.validator.js';
import { CONFIGURATION_KEYS } from '../twilio-whatsapp.constants.js';
import { AMBIGUOUS_POLICIES, type AmbiguousPolicy } from '../twilio-whatsapp.options.js';
import { validate } from '../validation/validate.js';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'] as const;

const DATABASE_URL = /^(sqlite:\/\/.+|(postgres|postgresql|mysql|mariadb):\/\/.+)$/;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
const DAYS_HINT = '$property must be a number of days above 0, such as 30';
const TWILIO_API = 'https://api.twilio.com';

/** A whole number that may be left out. */
function IsCount(key: string, min: number, max: number): PropertyDecorator {
  const message = `${key} must be a whole number from ${min} to ${max}`;
  return applyDecorators(
    IsOptional(),
    Transform(({ value }) => Number(value)),
    IsInt({ message }),
    Min(min, { message }),
    Max(max, { message }),
  );
}

/** The environment of the backend. Empty variables count as absent. */
export class Environment {
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

  /** Under which Twilio reaches the backend. @default http://localhost:$PORT */
  @IsOptional()
  @IsPublicUrl()
  PUBLIC_URL?: string;

  @Matches(DATABASE_URL, {
    message:
      'DATABASE_URL must start with sqlite://, postgres://, mysql:// or mariadb://, such as sqlite://./data/twilio-whatsapp.sqlite',
  })
  DATABASE_URL = 'sqlite://./data/twilio-whatsapp.sqlite';

  @IsOptional()
  @IsNotEmpty()
  API_KEY?: string;

  @IsOptional()
  @IsNotEmpty()
  API_SECRET?: string;

  /** Comma-separated; the first encrypts. */
  @IsOptional()
  @Transform(({ value }: { value: string }) => value.split(',').map((key) => key.trim()))
  @IsEncryptionKey({
    each: true,
    message:
      'ENCRYPTION_KEYS must be keys of 32 bytes in base64, separated by commas: make one with `openssl rand -base64 32`',
  })
  ENCRYPTION_KEYS?: string[];

  @ValidateIf(anyTwilioKey)
  @MatchesForm('TWILIO_ACCOUNT_SID')
  TWILIO_ACCOUNT_SID?: string;

  @ValidateIf(anyTwilioKey)
  @MatchesForm('TWILIO_AUTH_TOKEN')
  TWILIO_AUTH_TOKEN?: string;

  @ValidateIf(anyTwilioKey)
  @MatchesForm('TWILIO_FROM_NUMBER')
  TWILIO_FROM_NUMBER?: string;

  @MatchesFormOfPair('TWILIO_API_KEY_SID')
  TWILIO_API_KEY_SID?: string;

  @MatchesFormOfPair('TWILIO_API_KEY_SECRET')
  TWILIO_API_KEY_SECRET?: string;

  @IsOptional()
  @MatchesForm('TWILIO_SECONDARY_AUTH_TOKEN')
  TWILIO_SECONDARY_AUTH_TOKEN?: string;

  @IsOptional()
  @MatchesForm('TWILIO_SHARED_KEY')
  TWILIO_SHARED_KEY?: string;

  @Matches(/^https?:\/\/[^\s/?#]+\/?$/, {
    message: `TWILIO_API_URL must be a URL such as ${TWILIO_API}`,
  })
  TWILIO_API_URL = TWILIO_API;

  /** Of one account at once, at most. */
  @IsCount('MAX_IN_FLIGHT', 1, 1000)
  MAX_IN_FLIGHT?: number;

  /** Of each sender, unless its provider instance says otherwise. */
  @IsCount('MESSAGES_PER_SECOND', 1, 100_000)
  MESSAGES_PER_SECOND?: number;

  /** Of each account; 0 for no bound. */
  @IsCount('ACCOUNT_MESSAGES_PER_SECOND', 0, 100_000)
  ACCOUNT_MESSAGES_PER_SECOND?: number;

  @IsOptional()
  @IsIn(AMBIGUOUS_POLICIES, {
    message: `AMBIGUOUS_POLICY must be one of ${AMBIGUOUS_POLICIES.join(', ')}`,
  })
  AMBIGUOUS_POLICY?: AmbiguousPolicy;

  /** `true` when no other program sends WhatsApp messages from the Twilio accounts. */
  @IsOptional()
  @Transform(({ value }: { value: string }) => ({ true: true, false: false })[value] ?? value)
  @IsBoolean({ message: 'EXCLUSIVE_ACCOUNTS must be true or false' })
  EXCLUSIVE_ACCOUNTS?: boolean;

  /** Through which several backends wake each other. */
  @IsOptional()
  @Matches(/^rediss?:\/\/\S+$/, {
    message: 'REDIS_URL must be a URL such as redis://localhost:6379',
  })
  REDIS_URL?: string;

  /** Where callbacks are kept while the database is down; `none` keeps them nowhere. @default spool beside the database */
  @IsOptional()
  @IsString()
  SPOOL_DIRECTORY?: string;

  /** Days until the content of finished messages is erased. @default never */
  @IsOptional()
  @Transform(({ value }) => Number(value))
  @IsPositive({ message: DAYS_HINT })
  RETENTION_REDACT_AFTER_DAYS?: number;

  /** Days until finished messages are deleted. @default never */
  @IsOptional()
  @Transform(({ value }) => Number(value))
  @IsPositive({ message: DAYS_HINT })
  RETENTION_PURGE_AFTER_DAYS?: number;

  @IsIn(LOG_LEVELS, { message: `LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}` })
  LOG_LEVEL: (typeof LOG_LEVELS)[number] = 'log';

  @IsString()
  NODE_ENV = 'development';

  get isProduction(): boolean {
    return this.NODE_ENV === 'production';
  }

  /** Secrets that were made for a newcomer, and a simulated Twilio, are no matter of the network. */
  get host(): string {
    return this.HOST ?? (this.isProduction ? '0.0.0.0' : '127.0.0.1');
  }

  get publicUrl(): string {
    return this.PUBLIC_URL ?? `http://localhost:${this.PORT}`;
  }
}

function anyTwilioKey(environment: Environment): boolean {
  return CONFIGURATION_KEYS.some((key) => environment[key] !== undefined);
}

/** The environment is wrong; each message names the variable and the fix. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';

  constructor(readonly problems: readonly string[]) {
    super(
      `The environment is not right:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    );
  }
}

/** @throws EnvironmentError that names every variable that is wrong */
export function readEnvironment(variables: NodeJS.ProcessEnv): Environment {
  const given = Object.entries(variables).filter(
    ([, value]) => value !== undefined && value !== '',
  );
  const { value, problems } = validate(Environment, Object.fromEntries(given), {});
  if (URL.canParse(value.TWILIO_API_URL) && !isAllowedApi(value)) {
    problems.push(
      `TWILIO_API_URL may only be ${TWILIO_API}, or a loopback address outside production: credentials go there`,
    );
  }
  const publicUrl = publicUrlProblem('PUBLIC_URL', {
    publicUrl: value.publicUrl,
    twilioApiUrl: value.TWILIO_API_URL,
  });
  if (publicUrl) problems.push(publicUrl);
  if (value.isProduction) {
    for (const key of ['API_KEY', 'API_SECRET', 'ENCRYPTION_KEYS'] as const) {
      if (!value[key]) problems.push(`${key} must be set in production`);
    }
  }
  if (problems.length > 0) throw new EnvironmentError(problems);
  return value;
}

function isAllowedApi({ TWILIO_API_URL, isProduction }: Environment): boolean {
  if (TWILIO_API_URL === TWILIO_API) return true;
  return !isProduction && LOOPBACK.has(new URL(TWILIO_API_URL).hostname);
}
