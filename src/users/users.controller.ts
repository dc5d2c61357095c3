import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  HttpStatus,
  Param,
  Post,
  Put,
  UseGuards,
  UseInterceptors,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { ApiGuard } from '../http/api.guard.js';
import { DatabaseFailures } from '../http/database-failures.interceptor.js';
import { PageDto, type Page } from '../http/page.dto.js';
import { RequestBody, RequestQuery } from '../http/request-body.js';
import { CreateUserDto } from './dto/create-user.dto.js';
import { UsersService, type UserView } from './users.service.js';

@Controller({ path: 'users', version: VERSION_NEUTRAL })
@UseGuards(ApiGuard)
@UseInterceptors(DatabaseFailures)
export class UsersController {
  constructor(private readonly users: UsersService) {}

  @Get()
  list(@RequestQuery() { limit, cursor }: PageDto): Promise<Page<UserView>> {
    return this.users.list(limit, cursor);
  }

  @Post()
  @HttpCode(HttpStatus.OK)
  create(@RequestBody() { identifier, profile }: CreateUserDto): Promise<UserView> {
    return this.users.put(identifier, profile);
  }

  @Get(':identifier')
  get(@Param('identifier') identifier: string): Promise<UserView> {
    return this.users.get(identifier);
  }

  /** The body is the profile itself; Engagespot's clients send none when there is nothing to say. */
  @Put(':identifier')
  put(@Param('identifier') identifier: string, @Body() profile: unknown): Promise<UserView> {
    return this.users.put(identifier, profile ?? {});
  }

  @Delete(':identifier')
  @HttpCode(HttpStatus.ACCEPTED)
  remove(@Param('identifier') identifier: string): Promise<{ identifier: string }> {
    return this.users.remove(identifier);
  }
}
