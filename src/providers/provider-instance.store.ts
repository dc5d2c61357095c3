import { Injectable } from '@nestjs/common';
import { batch, Database, query, type Transaction } from '../database/database.js';
import type { JsonColumns } from '../database/dialect.js';
import { ConflictError } from '../twilio-whatsapp.errors.js';
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

  constructor(
    private readonly database: Database,
    private readonly cipher: CredentialsCipher,
  ) {}

  /** All instances by id, oldest first; also those that are deleted. */
  async all(): Promise<ReadonlyMap<string, ProviderInstance>> {
    if (performance.now() - this.readAt < CACHE_MS) return this.cached;
    const rows = await this.database.dataSource
      .getRepository(ProviderInstanceEntity)
      .find({ order: { id: 'ASC' } });
    const before = this.cached;
    this.cached = new Map(rows.map((row) => [row.id, this.open(row, before.get(row.id))]));
    this.readAt = performance.now();
    return this.cached;
  }

  /** Stores a new instance. @throws ConflictError when its name is taken */
  insert(row: ProviderInstanceEntity): Promise<void> {
    return this.write(row, this.database.dialect.insert(PROVIDER_INSTANCE_TABLE, COLUMNS));
  }

  /** Stores a changed instance. @throws ConflictError when its name is taken */
  update(row: ProviderInstanceEntity): Promise<void> {
    return this.write(row, this.database.dialect.update(PROVIDER_INSTANCE_TABLE, COLUMNS, ['id']));
  }

  seal(id: string, authToken: string): string {
    return this.cipher.seal(authToken, place(id));
  }

  private async write(row: ProviderInstanceEntity, sql: string): Promise<void> {
    await this.database.transaction(function* (): Transaction<void> {
      const namesakes = yield* query<{ id: string }>(
        `SELECT id FROM ${PROVIDER_INSTANCE_TABLE} WHERE name = ?`,
        row.name,
      );
      if (namesakes.some(({ id }) => id !== row.id)) {
        throw new ConflictError(`name is taken: there is a provider instance "${row.name}".`);
      }
      if (row.isDefault) {
        yield* query(`UPDATE ${PROVIDER_INSTANCE_TABLE} SET is_default = 0 WHERE is_default = 1`);
      }
      yield* batch(sql, [columnsOf(row)]);
    });
    this.readAt = -Infinity;
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

const columnsOf = (row: ProviderInstanceEntity): object => ({
  id: row.id,
  name: row.name,
  enabled: Number(row.enabled),
  is_default: Number(row.isDefault),
  account_sid: row.accountSid,
  auth_token: row.authToken,
  from_number: row.fromNumber,
  messages_per_second: row.messagesPerSecond,
  created_at: row.createdAt,
  updated_at: row.updatedAt,
  deleted_at: row.deletedAt ?? undefined,
});
