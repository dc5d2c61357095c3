import { IsObject, IsOptional, IsString } from 'class-validator';
import type { Profile } from '../users.service.js';

/** Body of `POST users`. */
export class CreateUserDto {
  @IsString()
  identifier: string;

  @IsOptional()
  @IsObject()
  profile?: Profile;
}
