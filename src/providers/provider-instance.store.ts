import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { DatabaseError, rethrow } from '../database/database-error.js';
import { DatabaseClock } from '../database/database-clock.js';
import { Database } from '../database/database.js';
import { batch, query, type Transaction } from '../database/transaction.js';
import { ConflictError, NotFoundError } from '../twilio-whatsapp.errors.js';
import type { TwilioCredentials } from '../twilio/twilio.gateway.js';
import { credentialsOf, type ProviderConfiguration } from './configuration.js';
import { CredentialsCipher } from './credentials-cipher.js';
import { COLUMNS, columnsOf, rowOf, type ColumnValues } from './provider-instance.columns.js';
import { PROVIDER_INSTANCE_TABLE, ProviderInstanceEntity } from './provider-instance.entity.js';

/** A provider instance whose secrets are open. */
export interface ProviderInstance {
  readonly row: ProviderInstanceEntity;
  readonly configuration: ProviderConfiguration;
  /** What its requests are authenticated with. */
  readonly credentials: TwilioCredentials;
}

/** The columns that hold an instance's configuration. */
type ConfigurationColumns = Pick<
  ProviderInstanceEntity,
  | 'accountSid'
  | 'authToken'
  | 'secondaryAuthToken'
  | 'sharedKey'
  | 'apiKeySid'
  | 'apiKeySecret'
  | 'fromNumber'
>;

type Secret = 'auth_token' | 'secondary_auth_token' | 'shared_key' | 'api_key_secret';

/** Other nodes may change instances: what is in memory is read again after this time. */
const CACHE_MS = 5000;

/**
 * Keeps provider instances in the database, and those in use in memory. What is in memory never goes back: an instance
 * only gives way to a version of it that is no older, in whichever order reads and writes end.
 */
@Injectable()
export class ProviderInstanceStore {
  private cached: ReadonlyMap<string, ProviderInstance> = new Map();
  /** When the newest read of all instances began, by the monotonic clock. */
  private readAt = -Infinity;
  private writes = 0;

  constructor(
    private readonly database: Database,
    private readonly clock: DatabaseClock,
    private readonly cipher: CredentialsCipher,
  ) {}

  /**
   * All instances by id, oldest first; also those that are deleted.
   *
   * @param maxAgeMs how old what is in memory may be; what is there now with `Infinity`
   * @param transaction on whose connection to read, for callers that hold one
   */
  async all(
    maxAgeMs = CACHE_MS,
    transaction?: EntityManager,
  ): Promise<ReadonlyMap<string, ProviderInstance>> {
    const startedAt = performance.now();
    if (maxAgeMs === Infinity || startedAt - this.readAt < maxAgeMs) return this.cached;
    // What a transaction of the host sees may be long out of date: it is for that transaction alone.
    if (transaction) return this.read(transaction);
    const { writes } = this;
    this.keep(await this.read(this.database.dataSource.manager));
    // Of instances that were written meanwhile, or lost their place as the default, it does not say all.
    if (writes === this.writes) this.readAt = Math.max(this.readAt, startedAt);
    return this.cached;
  }

  private async read(manager: EntityManager): Promise<ReadonlyMap<string, ProviderInstance>> {
    const rows = await this.database
      .inTime(manager.getRepository(ProviderInstanceEntity).find({ order: { id: 'ASC' } }))
      .catch(rethrow);
    return new Map(rows.map((row) => [row.id, this.open(row, this.cached.get(row.id))]));
  }

  private keep(read: ReadonlyMap<string, ProviderInstance>): void {
    const isNewer = (instance: ProviderInstance, id: string) =>
      instance.row.version > (read.get(id)?.row.version ?? 0);
    const kept = [...this.cached].filter(([id, instance]) => isNewer(instance, id));
    this.cached = new Map([...read, ...kept].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Stores a new instance. @throws ConflictError when its name is taken */
  insert(row: ProviderInstanceEntity): Promise<ProviderInstance> {
    const { dialect } = this.database;
    return this.write(function* () {
      yield* takeDefault(row);
      yield* batch(dialect.insert(PROVIDER_INSTANCE_TABLE, COLUMNS), [columnsOf(row)]);
      return row;
    });
  }

  /**
   * Changes an instance as it is at that moment, whatever others do to it.
   *
   * @throws NotFoundError when there is none, or it is deleted
   * @throws ConflictError when its new name is taken
   */
  change(
    id: string,
    changesTo: (before: ProviderInstance) => Partial<ProviderInstanceEntity>,
  ): Promise<ProviderInstance> {
    const { dialect } = this.database;
    const open = (row: ProviderInstanceEntity) => this.open(row);
    const updatedAt = this.clock.now();
    return this.write(function* () {
      const [columns] = yield* query<ColumnValues>(
        `SELECT * FROM ${PROVIDER_INSTANCE_TABLE} WHERE id = ? AND deleted_at IS NULL${dialect.forUpdate}`,
        id,
      );
      if (!columns) throw new NotFoundError('provider instance', id);
      const before = rowOf(columns);
      const row = {
        ...before,
        ...changesTo(open(before)),
        updatedAt,
        version: before.version + 1,
      };
      yield* takeDefault(row);
      yield* batch(dialect.update(PROVIDER_INSTANCE_TABLE, COLUMNS, ['id']), [columnsOf(row)]);
      return row;
    });
  }

  /** A configuration as the columns of an instance, its secrets sealed. */
  sealed(id: string, configuration: ProviderConfiguration): ConfigurationColumns {
    const seal = (secret: string | undefined, column: Secret): string | null =>
      secret === undefined ? null : this.cipher.seal(secret, place(id, column));
    return {
      accountSid: configuration.TWILIO_ACCOUNT_SID,
      authToken: this.cipher.seal(configuration.TWILIO_AUTH_TOKEN, place(id, 'auth_token')),
      secondaryAuthToken: seal(configuration.TWILIO_SECONDARY_AUTH_TOKEN, 'secondary_auth_token'),
      sharedKey: seal(configuration.TWILIO_SHARED_KEY, 'shared_key'),
      apiKeySid: configuration.TWILIO_API_KEY_SID ?? null,
      apiKeySecret: seal(configuration.TWILIO_API_KEY_SECRET, 'api_key_secret'),
      fromNumber: configuration.TWILIO_FROM_NUMBER,
    };
  }

  private async write(work: () => Transaction<ProviderInstanceEntity>): Promise<ProviderInstance> {
    try {
      const written = this.open(await this.database.transaction(work));
      this.keep(new Map([[written.row.id, written]]));
      return written;
    } catch (error) {
      if (!(error instanceof DatabaseError) || !error.isDuplicate) throw error;
      throw new ConflictError(
        'name is taken: there is another provider instance that is called so.',
      );
    } finally {
      this.writes++;
      this.readAt = -Infinity;
    }
  }

  /** @param before the instance as it was known: whatever changes a configuration seals all of it anew */
  private open(row: ProviderInstanceEntity, before?: ProviderInstance): ProviderInstance {
    if (before?.row.authToken === row.authToken) return { ...before, row };
    const { id, secondaryAuthToken, sharedKey, apiKeySid, apiKeySecret } = row;
    const open = (sealed: string, column: Secret): string =>
      this.cipher.open(sealed, place(id, column));
    const configuration: ProviderConfiguration = {
      TWILIO_ACCOUNT_SID: row.accountSid,
      TWILIO_AUTH_TOKEN: open(row.authToken, 'auth_token'),
      TWILIO_FROM_NUMBER: row.fromNumber,
      ...(apiKeySid !== null &&
        apiKeySecret !== null && {
          TWILIO_API_KEY_SID: apiKeySid,
          TWILIO_API_KEY_SECRET: open(apiKeySecret, 'api_key_secret'),
        }),
      ...(secondaryAuthToken !== null && {
        TWILIO_SECONDARY_AUTH_TOKEN: open(secondaryAuthToken, 'secondary_auth_token'),
      }),
      ...(sharedKey !== null && { TWILIO_SHARED_KEY: open(sharedKey, 'shared_key') }),
    };
    return { row, configuration, credentials: credentialsOf(configuration) };
  }
}

const place = (id: string, column: Secret): string => `${PROVIDER_INSTANCE_TABLE}:${id}:${column}`;

/** There is one default: whoever becomes it takes it from the others. */
function* takeDefault({ isDefault }: ProviderInstanceEntity): Transaction<void> {
  if (!isDefault) return;
  yield* query(
    `UPDATE ${PROVIDER_INSTANCE_TABLE} SET is_default = 0, version = version + 1 WHERE is_default = 1`,
  );
}
