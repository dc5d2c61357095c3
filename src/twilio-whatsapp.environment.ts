import { Transform, type ClassConstructor } from 'class-transformer';
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
import { applyDecorators } from '@nestjs/common';
import { configurationFrom } from './providers/configuration.js';
import { MatchesForm, MatchesFormOfPair } from './providers/dto/provider-config.dto.js';
import { IsPublicUrl, publicUrlProblem } from './providers/public-url.js';
import { IsEncryptionKey } from './providers/encryption-key.validator.js';
import { CONFIGURATION_KEYS } from './twilio-whatsapp.constants.js';
import {
  AMBIGUOUS_POLICIES,
  type AmbiguousPolicy,
  type TwilioWhatsappModuleOptions,
} from './twilio-whatsapp.options.js';
import { fieldsOf, unknownVariables } from './validation/suggestion.js';
import { validate } from './validation/validate.js';

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
const DAYS_HINT = '$property must be a number of days above 0, such as 30';
const TWILIO_API = 'https://api.twilio.com';
/** What `SPOOL_DIRECTORY` says to keep callbacks nowhere. */
const NO_SPOOL = 'none';

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

/** The variables that describe the module, in an application and in the backend. */
export class ModuleEnvironment {
  /** Under which Twilio reaches the application. */
  @IsOptional()
  @IsPublicUrl()
  PUBLIC_URL?: string;

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
      'ENCRYPTION_KEYS must be keys of 32 bytes in base64, without quotation marks or other characters, separated by commas: make one with `openssl rand -base64 32`',
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

  @IsString()
  NODE_ENV = 'development';

  get isProduction(): boolean {
    return this.NODE_ENV === 'production';
  }
}

function anyTwilioKey(environment: ModuleEnvironment): boolean {
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

/** The module's variables that begin with `TWILIO_`, and those that the twilio SDK reads itself. */
const KNOWN = [
  ...fieldsOf(ModuleEnvironment).filter(isOfTwilio),
  'TWILIO_EDGE',
  'TWILIO_REGION',
  'TWILIO_LOG_LEVEL',
  'TWILIO_CA_BUNDLE',
];

/** Of the other variables an application may have some that look like the module's. */
function isOfTwilio(name: string): boolean {
  return name.startsWith('TWILIO_');
}

/**
 * Reads the variables that a class describes. Empty variables count as absent.
 *
 * @returns what they say, and a problem for each variable that is wrong
 */
export function readVariables<T extends ModuleEnvironment>(
  environment: ClassConstructor<T>,
  variables: NodeJS.ProcessEnv,
): { value: T; problems: string[] } {
  const given = Object.entries(variables).filter(
    ([, value]) => value !== undefined && value !== '',
  );
  const { value, problems } = validate(environment, Object.fromEntries(given), {});
  problems.push(...unknownVariables(given.map(([name]) => name).filter(isOfTwilio), KNOWN));
  if (URL.canParse(value.TWILIO_API_URL) && !isAllowedApi(value)) {
    problems.push(
      `TWILIO_API_URL may only be ${TWILIO_API}, or a loopback address outside production: credentials go there`,
    );
  }
  const { PUBLIC_URL: publicUrl, TWILIO_API_URL: twilioApiUrl } = value;
  const problem = publicUrl && publicUrlProblem('PUBLIC_URL', { publicUrl, twilioApiUrl });
  if (problem) problems.push(problem);
  return { value, problems };
}

/** The module's options as the variables describe them. What is missing is left to the validation of the options. */
export function optionsFrom(environment: ModuleEnvironment): TwilioWhatsappModuleOptions {
  const { API_KEY: key, API_SECRET: secret } = environment;
  return {
    publicUrl: environment.PUBLIC_URL ?? '',
    encryptionKeys: environment.ENCRYPTION_KEYS ?? [],
    ...(key && secret && { api: { key, secret } }),
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
    spool: spoolIn(environment.SPOOL_DIRECTORY),
  };
}

/** The spool that a `SPOOL_DIRECTORY` asks for. */
export const spoolIn = (directory?: string): TwilioWhatsappModuleOptions['spool'] =>
  directory === undefined || directory === NO_SPOOL ? undefined : { directory };

function isAllowedApi({ TWILIO_API_URL, isProduction }: ModuleEnvironment): boolean {
  const { origin, hostname } = new URL(TWILIO_API_URL);
  return origin === TWILIO_API || (!isProduction && LOOPBACK.has(hostname));
}
