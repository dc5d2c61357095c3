import { BadRequestException, Injectable, UnprocessableEntityException } from '@nestjs/common';
import { MoreThan } from 'typeorm';
import { Database } from '../database/database.js';
import { query, type Transaction } from '../database/transaction.js';
import { toStorableJson } from '../validation/json.js';
import { ConflictError, NotFoundError } from '../twilio-whatsapp.errors.js';
import { IDENTIFIER_HINT, isIdentifier } from '../validation/identifier.js';
import { UserStore, type Profile } from './user.store.js';
import { USER_TABLE, UserEntity } from './user.entity.js';

/** A user as the API shows it: the identifier beside the attributes. */
export type UserView = Profile & { identifier: string };

/** What callers may ask and change of the users that the module keeps. */
@Injectable()
export class UsersService {
  constructor(
    private readonly database: Database,
    private readonly store: UserStore,
  ) {}

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
    await this.database.transaction(() => this.store.merge([change]));
    return this.get(identifier);
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
    if (!this.store.isInCharge) {
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

const viewOf = ({ identifier, profile }: UserEntity): UserView => ({
  identifier,
  ...(JSON.parse(profile) as Profile),
});
