import { IsObject, IsOptional, IsString } from 'class-validator';
import type { Profile } from '../user.store.js';

/** Body of `POST users`. */
export class CreateUserDto {
  @IsString()
  identifier: string;

  @IsOptional()
  @IsObject()
  profile?: Profile;
}
