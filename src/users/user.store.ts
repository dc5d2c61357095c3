import { BadRequestException, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { DatabaseClock } from '../database/database-clock.js';
import { Database } from '../database/database.js';
import type { JsonColumns } from '../database/dialect.js';
import { GroupCommit } from '../database/group-commit.js';
import { batch, selectBy, type Transaction } from '../database/transaction.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { bytesOf, MAX_TEXT_BYTES } from '../validation/json.js';
import type { DirectoryUser, UserDirectory } from './user-directory.js';
import { USER_TABLE } from './user.entity.js';

/** Arbitrary attributes of a user; WhatsApp uses `phoneNumber`. */
export type Profile = Record<string, unknown>;

/** A change to a user: the attributes given are merged into those that are there. */
export interface ProfileChange {
  readonly identifier: string;
  readonly profile: Profile;
}

const MAX_PHONE_LENGTH = 160;

const COLUMNS = {
  identifier: 'text',
  profile: 'text',
  phone_number: 'text',
  created_at: 'bigint',
  updated_at: 'bigint',
} satisfies JsonColumns;

interface ProfileRow {
  readonly identifier: string;
  readonly profile: string;
}

interface AddressRow {
  readonly identifier: string;
  readonly phone_number: string | null;
}

/** The module's own user directory. */
@Injectable()
export class UserStore implements UserDirectory {
  private readonly addresses = this.lookup<AddressRow>('phone_number');
  private readonly profiles = this.lookup<ProfileRow>('profile');

  constructor(
    private readonly database: Database,
    private readonly clock: DatabaseClock,
    @InjectWhatsappOptions() private readonly options: TwilioWhatsappOptions,
  ) {}

  /** Whether users are kept here, not in a directory of the host's. */
  get isInCharge(): boolean {
    return this.options.userDirectory === undefined;
  }

  async find(
    identifiers: readonly string[],
    transaction?: EntityManager,
  ): Promise<DirectoryUser[]> {
    if (identifiers.length === 0) return [];
    const rows = transaction
      ? await this.database.runWithin(transaction, () =>
          this.select<AddressRow>('phone_number', identifiers),
        )
      : await this.addresses.add(identifiers);
    return rows.map(({ identifier, phone_number: phoneNumber }) => ({ identifier, phoneNumber }));
  }

  /** Those of the changes that make a difference to what is stored. */
  async unapplied(changes: readonly ProfileChange[]): Promise<ProfileChange[]> {
    if (changes.length === 0) return [];
    const stored = await this.profiles.add(changes.map(({ identifier }) => identifier));
    const known = new Map(stored.map(({ identifier, profile }) => [identifier, profile]));
    return changes.filter(({ identifier, profile }) => !isPart(profile, known.get(identifier)));
  }

  /** Creates the users or merges the profiles into them, as part of a transaction. */
  *merge(unordered: readonly ProfileChange[]): Transaction<void> {
    if (unordered.length === 0) return;
    // Everybody locks rows in the same order, so nobody waits in a circle.
    const changes = unordered.toSorted((a, b) => (a.identifier < b.identifier ? -1 : 1));
    const { dialect } = this.database;
    const now = this.clock.now();
    yield* batch(
      dialect.insert(USER_TABLE, COLUMNS, 'keep'),
      [...new Set(changes.map(({ identifier }) => identifier))].map((identifier) =>
        rowOf(identifier, {}, now),
      ),
    );
    const rows = yield* this.select<ProfileRow>(
      'profile',
      changes.map(({ identifier }) => identifier),
      ` ORDER BY identifier${dialect.forUpdate}`,
    );
    const stored = new Map(rows.map(({ identifier, profile }) => [identifier, profile]));
    const profiles = new Map<string, Profile>();
    for (const { identifier, profile } of changes) {
      const known =
        profiles.get(identifier) ?? (JSON.parse(stored.get(identifier) ?? '{}') as Profile);
      profiles.set(identifier, { ...known, ...profile });
    }
    const { created_at: _kept, ...columns } = COLUMNS;
    yield* batch(
      dialect.update(USER_TABLE, columns, ['identifier']),
      [...profiles]
        .map(([identifier, profile]) => rowOf(identifier, profile, now))
        .filter(({ identifier, profile }) => profile !== stored.get(identifier)),
    );
  }

  /** Looks users up for all who ask at the time: hundreds would take every connection of the pool, one each. */
  private lookup<Row extends { identifier: string }>(
    column: string,
  ): GroupCommit<readonly string[], Row[]> {
    const lookUp = async (lookups: (readonly string[])[]) => {
      const rows = await this.database.read(() =>
        this.select<Row>(column, [...new Set(lookups.flat())]),
      );
      const found = new Map(rows.map((row) => [row.identifier, row]));
      return lookups.map((identifiers) =>
        identifiers.flatMap((identifier) => found.get(identifier) ?? []),
      );
    };
    return new GroupCommit(lookUp, { deadlineMs: this.database.timeoutMs });
  }

  private select<Row>(
    column: string,
    identifiers: readonly string[],
    suffix = '',
  ): Transaction<Row[]> {
    const { dialect } = this.database;
    return selectBy<Row>(
      dialect,
      `SELECT identifier, ${column} FROM ${USER_TABLE} WHERE identifier IN (${dialect.rows({ identifier: 'text' })})${suffix}`,
      identifiers.map((identifier) => ({ identifier })),
    );
  }
}

/** @throws BadRequestException when the whole profile does not fit into a row */
function rowOf(identifier: string, profile: Profile, now: number) {
  const json = JSON.stringify(profile);
  if (bytesOf(json) > MAX_TEXT_BYTES) {
    throw new BadRequestException([
      `the profile of ${identifier} must not be longer than ${MAX_TEXT_BYTES} bytes of JSON`,
    ]);
  }
  return {
    identifier,
    profile: json,
    phone_number: phoneColumn(profile.phoneNumber),
    created_at: now,
    updated_at: now,
  };
}

/** Whether a stored profile has all these attributes already. */
function isPart(attributes: Profile, stored: string | undefined): boolean {
  if (stored === undefined) return false;
  const profile = JSON.parse(stored) as Profile;
  return Object.entries(attributes).every(
    ([name, value]) =>
      Object.hasOwn(profile, name) && JSON.stringify(profile[name]) === JSON.stringify(value),
  );
}

/** Whatever stands there is kept, so that a wrong number is told from a missing one. */
function phoneColumn(phoneNumber: unknown): string | undefined {
  if (phoneNumber === undefined || phoneNumber === null || phoneNumber === '') return undefined;
  const text = typeof phoneNumber === 'string' ? phoneNumber : JSON.stringify(phoneNumber);
  return [...text].slice(0, MAX_PHONE_LENGTH).join('');
}
