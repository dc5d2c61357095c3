import {
  type ColumnType,
  type MigrationInterface,
  type QueryRunner,
  Table,
  type TableColumnOptions,
} from 'typeorm';
import { underMigrationLock } from './migration-lock.js';

type Column = Omit<TableColumnOptions, 'name'>;

const text = (length: number): Column => ({ type: 'varchar', length: String(length) });
const longText: Column = { type: 'text' };
const int: Column = { type: 'int' };
const flag: Column = { type: 'smallint' };
const instant: Column = { type: 'bigint' };
const id = text(36);
const key = (column: Column): Column => ({ ...column, isPrimary: true });
const optional = (column: Column): Column => ({ ...column, isNullable: true });

interface TableOutline {
  columns: Record<string, Column>;
  indices?: string[][];
  unique?: string;
}

const TABLES: Record<string, TableOutline> = {
  twilio_whatsapp_provider_instance: {
    columns: {
      id: key(id),
      name: text(100),
      enabled: flag,
      is_default: flag,
      account_sid: text(34),
      auth_token: longText,
      secondary_auth_token: optional(longText),
      shared_key: optional(longText),
      api_key_sid: optional(text(34)),
      api_key_secret: optional(longText),
      from_number: text(16),
      messages_per_second: optional(int),
      created_at: instant,
      updated_at: instant,
      deleted_at: optional(instant),
      version: int,
    },
    unique: 'name',
  },
  twilio_whatsapp_user: {
    columns: {
      identifier: key(text(255)),
      profile: longText,
      phone_number: optional(text(160)),
      created_at: instant,
      updated_at: instant,
    },
  },
  twilio_whatsapp_notification: {
    columns: {
      id: key(id),
      parameters: longText,
      credentials: optional(longText),
      data: optional(longText),
      idempotency_key: optional(text(255)),
      fingerprint: optional(text(64)),
      created_at: instant,
      redacted_at: optional(instant),
    },
    indices: [['redacted_at', 'id']],
    unique: 'idempotency_key',
  },
  twilio_whatsapp_message: {
    columns: {
      id: key(id),
      request_id: id,
      recipient: text(255),
      instance_id: id,
      to_address: optional(text(160)),
      from_address: optional(text(160)),
      status: text(16),
      sender: text(232),
      fence: int,
      attempts: int,
      failed_attempts: int,
      due_at: optional(instant),
      expires_at: instant,
      checks: int,
      not_found_count: int,
      sid: optional(text(34)),
      sid_source: optional(text(16)),
      reason: optional(text(40)),
      explanation: optional(longText),
      error_code: optional(int),
      created_at: instant,
      sent_at: optional(instant),
      delivered_at: optional(instant),
      seen_at: optional(instant),
      discarded_at: optional(instant),
      redacted_at: optional(instant),
    },
    indices: [
      ['status', 'sender', 'due_at', 'id'],
      ['request_id', 'id'],
      ['recipient', 'id'],
      ['to_address'],
      ['instance_id', 'id'],
    ],
  },
  twilio_whatsapp_pace: {
    columns: {
      id: key(text(232)),
      ahead_until: instant,
    },
  },
  twilio_whatsapp_attempt: {
    columns: {
      message_id: key(id),
      no: key(int),
      started_at: instant,
      ended_at: optional(instant),
      outcome: optional(text(16)),
      http_status: optional(int),
      error_code: optional(int),
      sid: optional(text(34)),
      sid_source: optional(text(16)),
      detail: optional(text(255)),
    },
    unique: 'sid',
  },
  twilio_whatsapp_delivery_event: {
    columns: {
      message_id: key(id),
      sid: key(text(34)),
      provider_status: key(text(32)),
      error_code: key(int),
      type: optional(text(16)),
      explanation: optional(longText),
      source: text(16),
      occurred_at: instant,
      raw: optional(longText),
    },
  },
};

/**
 * Written against the schema builder, so that it runs on SQLite, PostgreSQL, MySQL and MariaDB. Each step finds out
 * whether it is done already: on MySQL and MariaDB every statement is final, and a process may end after any of them.
 */
export class CreateTwilioWhatsapp1764000000000 implements MigrationInterface {
  readonly name = 'CreateTwilioWhatsapp1764000000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await underMigrationLock(queryRunner, async () => {
      for (const table of Object.entries(TABLES)) {
        await complete(queryRunner, tableOf(queryRunner, table));
        await compareExactly(queryRunner, table[0]);
      }
    });
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await underMigrationLock(queryRunner, async () => {
      for (const name of Object.keys(TABLES).toReversed()) await queryRunner.dropTable(name, true);
    });
  }
}

function tableOf(
  { connection: { namingStrategy, driver } }: QueryRunner,
  [name, { columns, indices = [], unique }]: [string, TableOutline],
): Table {
  return new Table({
    name,
    columns: Object.entries(columns).map(([column, options]) => ({
      ...options,
      name: column,
      type: driver.normalizeType({ type: options.type as ColumnType }),
    })),
    indices: [...indices, ...(unique ? [[unique]] : [])].map((columnNames) => ({
      name: namingStrategy.indexName(name, columnNames),
      columnNames,
      isUnique: columnNames[0] === unique,
    })),
  });
}

/** Makes what is missing of a table. */
async function complete(queryRunner: QueryRunner, table: Table): Promise<void> {
  if (!(await queryRunner.hasTable(table.name))) return queryRunner.createTable(table);
  const existing = await queryRunner.getTable(table.name);
  for (const index of table.indices) {
    const isThere = existing!.indices.some(({ name }) => name === index.name);
    if (!isThere) await queryRunner.createIndex(existing!, index);
  }
}

/** MySQL and MariaDB take `User-1`, `user-1` and `user-1 ` for the same, unless they are told otherwise. */
async function compareExactly(queryRunner: QueryRunner, table: string): Promise<void> {
  const { type } = queryRunner.connection.options;
  const collation = { mysql: 'utf8mb4_0900_bin', mariadb: 'utf8mb4_nopad_bin' }[type as string];
  if (!collation) return;
  const different: unknown[] = await queryRunner.query(
    'SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND TABLE_COLLATION <> ?',
    [table, collation],
  );
  if (different.length === 0) return;
  await queryRunner.query(
    `ALTER TABLE ${table} CONVERT TO CHARACTER SET utf8mb4 COLLATE ${collation}`,
  );
}
