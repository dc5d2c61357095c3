import type { CanActivate, Type } from '@nestjs/common';
import type { IncomingHttpHeaders } from 'node:http';
import {
  ArrayNotEmpty,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { IsPublicUrl } from './providers/public-url.js';
import { IsEncryptionKey } from './providers/encryption-key.validator.js';
import { ProviderConfigDto } from './providers/dto/provider-config.dto.js';
import { RetentionOptions } from './retention/retention.options.js';
import type { UserDirectory } from './users/user-directory.js';

/** The parts of a message that callers may override: its content, who sends it, the account it is sent with. */
export const OVERRIDE_SCOPES = ['content', 'sender', 'credentials'] as const;
export type OverrideScope = (typeof OVERRIDE_SCOPES)[number];

/** What can be done about a message that Twilio may have or not. */
export const AMBIGUOUS_POLICIES = ['hold', 'resend-after-verify', 'resend'] as const;
export type AmbiguousPolicy = (typeof AMBIGUOUS_POLICIES)[number];

const HTTP_ORIGIN = /^https?:\/\/[^\s/?#]+\/?$/;
/** `name=value` pairs of Twilio's connection overrides: `ct`, `rt`, `tt`, `rc`, `rp`, `e`, `sni`. */
const CONNECTION_OVERRIDE = /^(ct|rt|tt|rc|rp|e|sni)=[\w,-]+(&(ct|rt|tt|rc|rp|e|sni)=[\w,-]+)*$/;

const REDIS_URL = /^rediss?:\/\/\S+$/;

/** How clients of the REST API prove who they are. */
export interface ApiKeyOptions {
  /** Expected in the header `X-ENGAGESPOT-API-KEY`. */
  key: string;
  /** Expected in the header `X-ENGAGESPOT-API-SECRET`. */
  secret: string;
}

/** Guards of the host that take the place of the API key. */
export interface ApiGuardOptions {
  guards: (CanActivate | Type<CanActivate>)[];
  /**
   * Says by its headers alone whether the body of a request is read, up to 8 MiB of it; `false` is answered 401. Guards
   * run after that, so without it bodies end at 1 MiB. It takes the place of no guard.
   */
  checkHeaders?: (headers: IncomingHttpHeaders) => boolean | Promise<boolean>;
}

/** Limits of delivery. */
export class DeliveryOptions {
  /**
   * Requests of one account to Twilio that this process has under way at most. It begins with 64 and adapts to what
   * Twilio stands.
   * @default 256
   */
  @IsInt()
  @Min(1)
  @Max(1000)
  maxInFlight = 256;

  /**
   * Messages a second that each sender sends at most, from all nodes together, unless its provider instance says
   * otherwise. A tenth of it may come at once.
   * @default 80
   */
  @IsInt()
  @Min(1)
  @Max(100_000)
  messagesPerSecond = 80;

  /**
   * Messages a second that one account sends at most, from all nodes together; 0 for as many as its senders may.
   * @default 2000
   */
  @IsInt()
  @Min(0)
  @Max(100_000)
  accountMessagesPerSecond = 2000;

  /**
   * Milliseconds after which a request to Twilio is given up; its outcome is then unknown.
   * @default 30000
   */
  @IsInt()
  @Min(100)
  @Max(120_000)
  requestTimeoutMs = 30_000;

  /**
   * What becomes of a message whose answer was lost, so that Twilio may have it or not: `hold` waits for evidence and
   * never sends twice; `resend-after-verify` sends again what four lookups in Twilio's list, over 21 minutes, have not
   * found, and may send twice when the list is incomplete; `resend` sends again at once, and often sends twice.
   * @default 'hold'
   */
  @IsIn(AMBIGUOUS_POLICIES)
  ambiguousPolicy: AmbiguousPolicy = 'hold';

  /**
   * Whether no other program sends WhatsApp messages from the Twilio accounts of the provider instances. Only then is a
   * message whose answer was lost taken for one that Twilio's list shows with the same text. Otherwise it waits for its
   * callback, or for an operator.
   * @default false
   */
  @IsBoolean()
  isExclusive = false;

  /**
   * Milliseconds between looks at the database for messages that fell due.
   * @default 1000
   */
  @IsInt()
  @Min(10)
  @Max(60_000)
  pollIntervalMs = 1000;

  /**
   * Milliseconds that callers wait for PostgreSQL, MySQL or MariaDB before they are told that it does not answer. A
   * statement that takes twice as long is ended, with its connection. On SQLite: that a transaction waits for another
   * process to release the lock.
   * @default 5000
   */
  @IsInt()
  @Min(100)
  @Max(120_000)
  databaseTimeoutMs = 5000;

  /**
   * Milliseconds after which a message that could not be sent is given up, counted from when it was due.
   * @default 86400000 (a day)
   */
  @IsInt()
  @Min(1000)
  @Max(30 * 86_400_000)
  expireAfterMs = 86_400_000;

  /**
   * Milliseconds that a shutdown waits for requests under way.
   * @default 25000
   */
  @IsInt()
  @Min(0)
  @Max(120_000)
  drainTimeoutMs = 25_000;
}

/** Where callbacks are kept while the database takes none. */
export class SpoolOptions {
  /** A directory on a disk that survives the process. Processes may share it. */
  @IsString()
  @IsNotEmpty({ message: 'directory must be the path of a directory' })
  directory: string;

  /**
   * How many files it may hold, what was put aside among them. Callbacks that come together share a file.
   * @default 10000
   */
  @IsInt()
  @Min(1)
  maxFiles = 10_000;

  /**
   * How many bytes it may hold, what was put aside among them.
   * @default 268435456 (256 MiB)
   */
  @IsInt()
  @Min(1)
  maxBytes = 256 * 1024 * 1024;
}

/** Options of `TwilioWhatsappModule`. */
export class TwilioWhatsappOptions {
  /**
   * The URL under which Twilio reaches the application, without the module's own prefix: `https://notify.example.com`.
   * Signatures of callbacks are checked against it, never against a request's headers. With a user name and a password
   * in it, Twilio authenticates with them, towards a proxy in front. Where Twilio cannot reach it, messages go out
   * without a `StatusCallback`, and Twilio is asked about each after a minute.
   */
  @IsPublicUrl()
  publicUrl: string;

  /**
   * How Twilio is to call back, such as `rc=5&rp=all`: five tries more, after whatever went wrong. It is appended to every
   * `StatusCallback` behind a `#`. Without it, Twilio tries once more when it cannot connect, and not after a 503.
   *
   * @see https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
   */
  @IsOptional()
  @Matches(CONNECTION_OVERRIDE, {
    message:
      "callbackConnection must be connection overrides of Twilio's without the #, such as rc=5&rp=all",
  })
  callbackConnection?: string;

  /** Keys of 32 bytes in base64 that encrypt what is secret. The first encrypts, all of them decrypt. */
  @IsArray()
  @ArrayNotEmpty({ message: 'encryptionKeys must hold at least one key: openssl rand -base64 32' })
  @IsEncryptionKey({ each: true })
  encryptionKeys: string[];

  /** The default provider instance; without it, instances are created through the API. */
  @IsOptional()
  @ValidateNested()
  provider?: ProviderConfigDto;

  /** Who may use the REST API. Needed unless `controllers` is `false`. */
  @IsOptional()
  @IsObject()
  api?: ApiKeyOptions | ApiGuardOptions;

  /**
   * What callers may override.
   * @default ['content', 'sender', 'credentials']
   */
  @IsIn(OVERRIDE_SCOPES, { each: true })
  allowOverrides: OverrideScope[] = [...OVERRIDE_SCOPES];

  @ValidateNested()
  delivery: DeliveryOptions = new DeliveryOptions();

  /** Where callbacks are kept while the database takes none; without it they are answered with 503, and mostly lost. */
  @IsOptional()
  @ValidateNested()
  spool?: SpoolOptions;

  /** How long finished messages are kept: for ever, unless it says otherwise. */
  @ValidateNested()
  retention: RetentionOptions = new RetentionOptions();

  /** The host's own users; without it, the module keeps them in its own table. */
  @IsOptional()
  @IsObject()
  userDirectory?: UserDirectory;

  /**
   * URL of a Redis through which nodes wake each other: `redis://localhost:6379`. Needs `bullmq` and `ioredis`. Losing
   * it costs nothing but time: the database says what is to be sent.
   */
  @IsOptional()
  @Matches(REDIS_URL, { message: 'redis must be a URL such as redis://localhost:6379' })
  redis?: string;

  /**
   * Where requests to Twilio go. Another host than Twilio's is for tests and the simulator, and never an option of a
   * request.
   * @default 'https://api.twilio.com'
   */
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  @Matches(HTTP_ORIGIN, { message: 'twilioApiUrl must be an http(s) URL without a path' })
  twilioApiUrl?: string;
}

/** What a host passes: only `publicUrl` and `encryptionKeys` have no default. */
export type TwilioWhatsappModuleOptions = Pick<
  TwilioWhatsappOptions,
  'publicUrl' | 'encryptionKeys'
> &
  Partial<Omit<TwilioWhatsappOptions, 'delivery' | 'spool'>> & {
    delivery?: Partial<DeliveryOptions>;
    spool?: Pick<SpoolOptions, 'directory'> & Partial<SpoolOptions>;
  };

/** Settings fixed while modules are assembled, hence not available from `useFactory`. */
export interface TwilioWhatsappModuleExtras {
  /**
   * Makes the sender injectable everywhere without importing the module again.
   * @default false
   */
  isGlobal?: boolean;
  /**
   * Mounts the REST API and the callbacks.
   * @default true
   */
  controllers?: boolean;
  /**
   * Path under which they are mounted.
   * @default 'v3'
   */
  pathPrefix?: string;
  /**
   * Name of the TypeORM data source that holds the module's tables.
   * @default 'default'
   */
  dataSource?: string;
}
