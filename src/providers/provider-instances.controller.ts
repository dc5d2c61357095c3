import {
  Controller,
  Delete,
  Get,
  HttpCode,
  HttpStatus,
  Param,
  ParseUUIDPipe,
  Patch,
  Post,
  UseGuards,
  UseInterceptors,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { ApiGuard } from '../http/api.guard.js';
import { DatabaseFailures } from '../http/database-failures.interceptor.js';
import { RequestBody } from '../http/request-body.js';
import type { ConfigurationCheck } from '../twilio/configuration-check.js';
import {
  CreateProviderInstanceDto,
  UpdateProviderInstanceDto,
} from './dto/provider-instance.dto.js';
import type { ProviderInstanceView } from './provider-instance.view.js';
import { ProviderInstances } from './provider-instances.service.js';

@Controller({ path: 'provider-instances', version: VERSION_NEUTRAL })
@UseGuards(ApiGuard)
@UseInterceptors(DatabaseFailures)
export class ProviderInstancesController {
  constructor(private readonly instances: ProviderInstances) {}

  @Get()
  list(): Promise<{ items: ProviderInstanceView[] }> {
    return this.instances.list();
  }

  @Post()
  create(@RequestBody() dto: CreateProviderInstanceDto): Promise<ProviderInstanceView> {
    return this.instances.create(dto);
  }

  @Get(':id')
  get(@Param('id', ParseUUIDPipe) id: string): Promise<ProviderInstanceView> {
    return this.instances.get(id);
  }

  @Patch(':id')
  update(
    @Param('id', ParseUUIDPipe) id: string,
    @RequestBody() dto: UpdateProviderInstanceDto,
  ): Promise<ProviderInstanceView> {
    return this.instances.update(id, dto);
  }

  @Delete(':id')
  remove(@Param('id', ParseUUIDPipe) id: string): Promise<{ id: string }> {
    return this.instances.remove(id);
  }

  @Post(':id/enable')
  @HttpCode(HttpStatus.OK)
  enable(@Param('id', ParseUUIDPipe) id: string): Promise<ProviderInstanceView> {
    return this.instances.enable(id);
  }

  @Post(':id/disable')
  @HttpCode(HttpStatus.OK)
  disable(@Param('id', ParseUUIDPipe) id: string): Promise<ProviderInstanceView> {
    return this.instances.disable(id);
  }

  @Post(':id/check')
  @HttpCode(HttpStatus.OK)
  check(@Param('id', ParseUUIDPipe) id: string): Promise<ConfigurationCheck> {
    return this.instances.check(id);
  }
}
