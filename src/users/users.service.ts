import { BadRequestException, Injectable, UnprocessableEntityException } from '@nestjs/common';
import { MoreThan, type EntityManager } from 'typeorm';
import { Database } from '../database/database.js';
import { GroupCommit } from '../database/group-commit.js';
import { batch, query, type Transaction } from '../database/transaction.js';
import type { JsonColumns } from '../database/dialect.js';
import { bytesOf, MAX_TEXT_BYTES, toStorableJson } from '../validation/json.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import { ConflictError, NotFoundError } from '../twilio-whatsapp.errors.js';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { IDENTIFIER_HINT, isIdentifier } from '../validation/identifier.js';
import type { DirectoryUser, UserDirectory } from './user-directory.js';
import { USER_TABLE, UserEntity } from './user.entity.js';

/** Arbitrary attributes of a user; WhatsApp uses `phoneNumber`. */
export type Profile = Record<string, unknown>;

/** A user as the API shows it: the identifier beside the attributes. */
export type UserView = Profile & { identifier: string };

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
export class UsersService implements UserDirectory {
  // Hundreds that ask at once would take every connection of the pool, one each.
  private readonly lookups = new GroupCommit((waiting: (readonly string[])[]) =>
    this.findTogether(waiting),
  );

  private readonly profiles = new GroupCommit((waiting: (readonly string[])[]) =>
    this.profilesTogether(waiting),
  );

  constructor(
    private readonly database: Database,
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
    if (!transaction) return this.lookups.add(identifiers);
    const rows = await this.database.runWithin(transaction, () => this.select(identifiers));
    return rows.map(directoryUser);
  }

  /** Those of the changes that make a difference: whoever changes nothing need not wait for anybody who does. */
  async effective(changes: readonly ProfileChange[]): Promise<ProfileChange[]> {
    if (changes.length === 0) return [];
    const identifiers = changes.map(({ identifier }) => identifier);
    const stored = await this.profiles.add(identifiers);
    const known = new Map(stored.map(({ identifier, profile }) => [identifier, profile]));
    return changes.filter(({ identifier, profile }) => !isPart(profile, known.get(identifier)));
  }

  private async profilesTogether(lookups: readonly (readonly string[])[]): Promise<ProfileRow[][]> {
    const rows = await this.database.read(() => this.selectProfiles([...new Set(lookups.flat())]));
    const found = new Map(rows.map((row) => [row.identifier, row]));
    return lookups.map((identifiers) =>
      identifiers.flatMap((identifier) => found.get(identifier) ?? []),
    );
  }

  private selectProfiles(identifiers: readonly string[], suffix = ''): Transaction<ProfileRow[]> {
    const { dialect } = this.database;
    return query(
      `SELECT identifier, profile FROM ${USER_TABLE} WHERE identifier IN (${dialect.rows({
        identifier: 'text',
      })})${suffix}`,
      JSON.stringify(identifiers.map((identifier) => ({ identifier }))),
    );
  }

  private async findTogether(lookups: readonly (readonly string[])[]): Promise<DirectoryUser[][]> {
    const rows = await this.database.read(() => this.select([...new Set(lookups.flat())]));
    const found = new Map(rows.map((row) => [row.identifier, directoryUser(row)]));
    return lookups.map((identifiers) =>
      identifiers.flatMap((identifier) => found.get(identifier) ?? []),
    );
  }

  private select(identifiers: readonly string[]): Transaction<AddressRow[]> {
    return query(
      `SELECT identifier, phone_number FROM ${USER_TABLE} WHERE identifier IN (${this.database.dialect.rows(
        { identifier: 'text' },
      )})`,
      JSON.stringify(identifiers.map((identifier) => ({ identifier }))),
    );
  }

  /** Creates the user or merges the profile into it. */
  async put(identifier: string, profile: unknown = {}): Promise<UserView> {
    this.assertInCharge();
    const problems = profileProblems(identifier, profile);
    if (problems.length > 0) throw new BadRequestException(problems);
    if (Object.hasOwn(profile as Profile, 'identifier')) {
      throw new UnprocessableEntityException(
        'identifier belongs into the path: a profile has no attribute of that name.',
      );
    }
    const change = { identifier, profile: profile as Profile };
    await this.database.transaction(() => this.merge([change]));
    return this.get(identifier);
  }

  /** Creates the users or merges the profiles into them, as part of a transaction. */
  *merge(unordered: readonly ProfileChange[]): Transaction<void> {
    if (unordered.length === 0) return;
    // Everybody locks rows in the same order, so nobody waits in a circle.
    const changes = unordered.toSorted((a, b) => (a.identifier < b.identifier ? -1 : 1));
    const { dialect } = this.database;
    const now = Date.now();
    yield* batch(
      dialect.insert(USER_TABLE, COLUMNS, 'keep'),
      [...new Set(changes.map(({ identifier }) => identifier))].map((identifier) =>
        rowOf(identifier, {}, now),
      ),
    );
    const rows = yield* this.selectProfiles(
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

  async get(identifier: string): Promise<UserView> {
    this.assertInCharge();
    const [user] = isIdentifier(identifier) ? await this.repository.findBy({ identifier }) : [];
    if (!user) throw new NotFoundError('user', identifier);
    return viewOf(user);
  }

  /** @param cursor the identifier after which to go on */
  async list(limit: number, cursor?: string): Promise<{ items: UserView[]; nextCursor?: string }> {
    this.assertInCharge();
    const users = await this.repository.find({
      where: cursor === undefined ? {} : { identifier: MoreThan(cursor) },
      order: { identifier: 'ASC' },
      take: limit + 1,
    });
    const items = users.slice(0, limit).map(viewOf);
    return users.length > limit ? { items, nextCursor: items.at(-1)!.identifier } : { items };
  }

  async remove(identifier: string): Promise<{ identifier: string }> {
    await this.get(identifier);
    await this.database.transaction(function* (): Transaction<void> {
      yield* query(`DELETE FROM ${USER_TABLE} WHERE identifier = ?`, identifier);
    });
    return { identifier };
  }

  private get repository() {
    return this.database.dataSource.getRepository(UserEntity);
  }

  private assertInCharge(): void {
    if (!this.isInCharge) {
      throw new ConflictError('Users are kept by the application: change them there.');
    }
  }
}

/** What is wrong with an identifier and a profile. */
export function profileProblems(identifier: unknown, profile: unknown): string[] {
  if (!isIdentifier(identifier)) return [`identifier ${IDENTIFIER_HINT}`];
  if (typeof profile !== 'object' || profile === null || Array.isArray(profile)) {
    return ['the profile must be a JSON object'];
  }
  const { problem } = toStorableJson(profile);
  return problem ? [problem] : [];
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

const directoryUser = ({ identifier, phone_number }: AddressRow): DirectoryUser => ({
  identifier,
  phoneNumber: phone_number,
});

const viewOf = ({ identifier, profile }: UserEntity): UserView => ({
  identifier,
  ...(JSON.parse(profile) as Profile),
});
