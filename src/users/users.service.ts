import { BadRequestException, Injectable, UnprocessableEntityException } from '@nestjs/common';
import { MoreThan } from 'typeorm';
import { batch, Database, query, type Transaction } from '../database/database.js';
import type { JsonColumns } from '../database/dialect.js';
import { storageProblem } from '../validation/storable.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import { ConflictError, NotFoundError } from '../twilio-whatsapp.errors.js';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { IDENTIFIER_HINT, isIdentifier } from './identifier.js';
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

const MAX_PROFILE_LENGTH = 65_536;
const MAX_PHONE_LENGTH = 160;

const COLUMNS = {
  identifier: 'text',
  profile: 'text',
  phone_number: 'text',
  created_at: 'bigint',
  updated_at: 'bigint',
} satisfies JsonColumns;

/** The module's own user directory. */
@Injectable()
export class UsersService implements UserDirectory {
  constructor(
    private readonly database: Database,
    @InjectWhatsappOptions() private readonly options: TwilioWhatsappOptions,
  ) {}

  /** Whether users are kept here, not in a directory of the host's. */
  get isInCharge(): boolean {
    return this.options.userDirectory === undefined;
  }

  async find(identifiers: readonly string[]): Promise<DirectoryUser[]> {
    const rows = await this.database.query<{ identifier: string; phone_number: string | null }>(
      `SELECT identifier, phone_number FROM ${USER_TABLE} WHERE identifier IN (${this.database.dialect.rows(
        { identifier: 'text' },
      )})`,
      JSON.stringify(identifiers.map((identifier) => ({ identifier }))),
    );
    return rows.map(({ identifier, phone_number }) => ({ identifier, phoneNumber: phone_number }));
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
  *merge(changes: readonly ProfileChange[]): Transaction<void> {
    if (changes.length === 0) return;
    const { dialect } = this.database;
    const now = Date.now();
    yield* batch(
      dialect.insert(USER_TABLE, COLUMNS, 'keep'),
      changes.map(({ identifier }) => rowOf(identifier, {}, now)),
    );
    const rows = yield* query<{ identifier: string; profile: string }>(
      `SELECT identifier, profile FROM ${USER_TABLE} WHERE identifier IN (${dialect.rows({
        identifier: 'text',
      })}) ORDER BY identifier${dialect.forUpdate}`,
      JSON.stringify(changes.map(({ identifier }) => ({ identifier }))),
    );
    const profiles = new Map(
      rows.map(({ identifier, profile }) => [identifier, JSON.parse(profile) as Profile]),
    );
    for (const { identifier, profile } of changes) {
      profiles.set(identifier, { ...profiles.get(identifier), ...profile });
    }
    const { created_at: _kept, ...columns } = COLUMNS;
    yield* batch(
      dialect.update(USER_TABLE, columns, ['identifier']),
      [...profiles].map(([identifier, profile]) => rowOf(identifier, profile, now)),
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
  const json = JSON.stringify(profile);
  if (json.length > MAX_PROFILE_LENGTH) {
    return [`the profile must not be longer than ${MAX_PROFILE_LENGTH} characters`];
  }
  const problem = storageProblem(profile, json);
  return problem ? [problem] : [];
}

function rowOf(identifier: string, profile: Profile, now: number): object {
  return {
    identifier,
    profile: JSON.stringify(profile),
    phone_number: phoneColumn(profile.phoneNumber),
    created_at: now,
    updated_at: now,
  };
}

/** Whatever stands there is kept, so that a wrong number is told from a missing one. */
function phoneColumn(phoneNumber: unknown): string | undefined {
  if (phoneNumber === undefined || phoneNumber === null || phoneNumber === '') return undefined;
  const text = typeof phoneNumber === 'string' ? phoneNumber : JSON.stringify(phoneNumber);
  return text.slice(0, MAX_PHONE_LENGTH);
}

const viewOf = ({ identifier, profile }: UserEntity): UserView => ({
  identifier,
  ...(JSON.parse(profile) as Profile),
});
