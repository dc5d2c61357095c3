import type { JsonColumns } from '../database/dialect.js';
import type { ProviderInstanceEntity } from './provider-instance.entity.js';

/** The columns of a provider instance, as rows are written in JSON. */
export const COLUMNS = {
  id: 'text',
  name: 'text',
  enabled: 'int',
  is_default: 'int',
  account_sid: 'text',
  auth_token: 'text',
  secondary_auth_token: 'text',
  shared_key: 'text',
  api_key_sid: 'text',
  api_key_secret: 'text',
  from_number: 'text',
  messages_per_second: 'int',
  created_at: 'bigint',
  updated_at: 'bigint',
  deleted_at: 'bigint',
  version: 'int',
} satisfies JsonColumns;

/** A row as it is read. */
export type ColumnValues = Record<keyof typeof COLUMNS, string | number | null>;

const numberOrNull = (value: string | number | null): number | null =>
  value === null ? null : Number(value);

const textOf = (value: string | number | null): string | null =>
  value === null ? null : String(value);

/** The instance that a row holds. */
export const rowOf = (columns: ColumnValues): ProviderInstanceEntity => ({
  id: String(columns.id),
  name: String(columns.name),
  enabled: columns.enabled === 1,
  isDefault: columns.is_default === 1,
  accountSid: String(columns.account_sid),
  authToken: String(columns.auth_token),
  secondaryAuthToken: textOf(columns.secondary_auth_token),
  sharedKey: textOf(columns.shared_key),
  apiKeySid: textOf(columns.api_key_sid),
  apiKeySecret: textOf(columns.api_key_secret),
  fromNumber: String(columns.from_number),
  messagesPerSecond: numberOrNull(columns.messages_per_second),
  createdAt: Number(columns.created_at),
  updatedAt: Number(columns.updated_at),
  deletedAt: numberOrNull(columns.deleted_at),
  version: Number(columns.version),
});

/** The row that holds an instance; absent values are left out. */
export const columnsOf = (row: ProviderInstanceEntity): object => ({
  id: row.id,
  name: row.name,
  enabled: Number(row.enabled),
  is_default: Number(row.isDefault),
  account_sid: row.accountSid,
  auth_token: row.authToken,
  secondary_auth_token: row.secondaryAuthToken ?? undefined,
  shared_key: row.sharedKey ?? undefined,
  api_key_sid: row.apiKeySid ?? undefined,
  api_key_secret: row.apiKeySecret ?? undefined,
  from_number: row.fromNumber,
  messages_per_second: row.messagesPerSecond ?? undefined,
  created_at: row.createdAt,
  updated_at: row.updatedAt,
  deleted_at: row.deletedAt ?? undefined,
  version: row.version,
});
