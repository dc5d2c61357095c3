import { Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { Database } from '../database/database.js';
import { query, type Transaction } from '../database/transaction.js';
import { USER_TABLE } from '../users/user.entity.js';

/** More than SQLite finds room for on a page that is there already. */
const BYTES = 8192;

/** Finds out whether the database takes writes: one that is full or only reads still answers questions. */
@Injectable()
export class WriteProbe {
  constructor(private readonly database: Database) {}

  /** Writes a row and deletes it in the same transaction: no other connection sees it. @throws DatabaseError */
  async write(): Promise<void> {
    await this.database.transaction(writeAndRemove);
  }
}

function* writeAndRemove(): Transaction<void> {
  const identifier = `probe-${randomUUID()}`;
  yield* query(
    `INSERT INTO ${USER_TABLE} (identifier, profile, created_at, updated_at) VALUES (?, ?, 0, 0)`,
    identifier,
    'x'.repeat(BYTES),
  );
  yield* query(`DELETE FROM ${USER_TABLE} WHERE identifier = ?`, identifier);
}
