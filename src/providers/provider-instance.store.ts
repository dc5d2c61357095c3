import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { DatabaseError } from '../database/database-error.js';
import { Database } from '../database/database.js';
import { batch, query, type Transaction } from '../database/transaction.js';
import type { JsonColumns } from '../database/dialect.js';
import { ConflictError, NotFoundError } from '../twilio-whatsapp.errors.js';
import type { TwilioCredentials } from '../twilio/twilio.gateway.js';
import { CredentialsCipher } from './credentials-cipher.js';
import { PROVIDER_INSTANCE_TABLE, ProviderInstanceEntity } from './provider-instance.entity.js';

/** A provider instance whose secret is open. */
export interface ProviderInstance {
  readonly row: ProviderInstanceEntity;
  readonly credentials: TwilioCredentials;
}

/** Other nodes may change instances: what is in memory is read again after this time. */
const CACHE_MS = 5000;

const COLUMNS = {
  id: 'text',
  name: 'text',
  enabled: 'int',
  is_default: 'int',
  account_sid: 'text',
  auth_token: 'text',
  from_number: 'text',
  messages_per_second: 'int',
  created_at: 'bigint',
  updated_at: 'bigint',
  deleted_at: 'bigint',
} satisfies JsonColumns;

/** Keeps provider instances in the database, and those in use in memory. */
@Injectable()
export class ProviderInstanceStore {
  private cached: ReadonlyMap<string, ProviderInstance> = new Map();
  private readAt = -Infinity;
  private writes = 0;

  constructor(
    private readonly database: Database,
    private readonly cipher: CredentialsCipher,
  ) {}

  /**
   * All instances by id, oldest first; also those that are deleted.
   *
   * @param maxAgeMs how old what is in memory may be
   * @param manager whose connection to read on, for callers that hold one
   */
  async all(
    maxAgeMs = CACHE_MS,
    manager: EntityManager = this.database.dataSource.manager,
  ): Promise<ReadonlyMap<string, ProviderInstance>> {
    if (performance.now() - this.readAt < maxAgeMs) return this.cached;
    const { writes } = this;
    const rows = await manager.getRepository(ProviderInstanceEntity).find({ order: { id: 'ASC' } });
    const before = this.cached;
    const read = new Map(rows.map((row) => [row.id, this.open(row, before.get(row.id))]));
    // What was read while somebody wrote may be of yesterday: good enough for now, not to be kept.
    if (writes === this.writes) {
      this.cached = read;
      this.readAt = performance.now();
    }
    return read;
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
    changesTo: (row: ProviderInstanceEntity) => Partial<ProviderInstanceEntity>,
  ): Promise<ProviderInstance> {
    const { dialect } = this.database;
    return this.write(function* () {
      const [columns] = yield* query<ColumnValues>(
        `SELECT * FROM ${PROVIDER_INSTANCE_TABLE} WHERE id = ? AND deleted_at IS NULL${dialect.forUpdate}`,
        id,
      );
      if (!columns) throw new NotFoundError('provider instance', id);
      const before = rowOf(columns);
      const row = { ...before, ...changesTo(before), updatedAt: Date.now() };
      yield* takeDefault(row);
      yield* batch(dialect.update(PROVIDER_INSTANCE_TABLE, COLUMNS, ['id']), [columnsOf(row)]);
      return row;
    });
  }

  seal(id: string, authToken: string): string {
    return this.cipher.seal(authToken, place(id));
  }

  private async write(work: () => Transaction<ProviderInstanceEntity>): Promise<ProviderInstance> {
    try {
      return this.open(await this.database.transaction(work));
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

  private open(row: ProviderInstanceEntity, before?: ProviderInstance): ProviderInstance {
    const { id, accountSid, authToken: sealed } = row;
    const authToken =
      before?.row.authToken === sealed
        ? before.credentials.authToken
        : this.cipher.open(sealed, place(id));
    return { row, credentials: { accountSid, authToken } };
  }
}

const place = (id: string): string => `${PROVIDER_INSTANCE_TABLE}:${id}:auth_token`;

/** There is one default: whoever becomes it takes it from the others. */
function* takeDefault({ isDefault }: ProviderInstanceEntity): Transaction<void> {
  if (!isDefault) return;
  yield* query(`UPDATE ${PROVIDER_INSTANCE_TABLE} SET is_default = 0 WHERE is_default = 1`);
}

type ColumnValues = Record<keyof typeof COLUMNS, string | number | null>;

const numberOrNull = (value: string | number | null): number | null =>
  value === null ? null : Number(value);

const rowOf = (columns: ColumnValues): ProviderInstanceEntity => ({
  id: String(columns.id),
  name: String(columns.name),
  enabled: columns.enabled === 1,
  isDefault: columns.is_default === 1,
  accountSid: String(columns.account_sid),
  authToken: String(columns.auth_token),
  fromNumber: String(columns.from_number),
  messagesPerSecond: numberOrNull(columns.messages_per_second),
  createdAt: Number(columns.created_at),
  updatedAt: Number(columns.updated_at),
  deletedAt: numberOrNull(columns.deleted_at),
});

const columnsOf = (row: ProviderInstanceEntity): object => ({
  id: row.id,
  name: row.name,
  enabled: Number(row.enabled),
  is_default: Number(row.isDefault),
  account_sid: row.accountSid,
  auth_token: row.authToken,
  from_number: row.fromNumber,
  messages_per_second: row.messagesPerSecond ?? undefined,
  created_at: row.createdAt,
  updated_at: row.updatedAt,
  deleted_at: row.deletedAt ?? undefined,
});
