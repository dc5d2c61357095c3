import { Injectable, type CanActivate, type ExecutionContext, type Type } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import type { IncomingHttpHeaders } from 'node:http';
import { lastValueFrom, isObservable } from 'rxjs';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { ApiKeyVerifier } from './api-key.verifier.js';

/** Lets in who has the API key and secret, or whom the host's own guards let in. */
@Injectable()
export class ApiGuard implements CanActivate {
  private readonly guards = new Map<Type<CanActivate>, CanActivate>();

  constructor(
    @InjectWhatsappOptions() private readonly options: TwilioWhatsappOptions,
    private readonly apiKey: ApiKeyVerifier,
    private readonly moduleRef: ModuleRef,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { api } = this.options;
    if (!api) return false;
    if (!('guards' in api)) {
      const { headers } = context.switchToHttp().getRequest<{ headers: IncomingHttpHeaders }>();
      this.apiKey.verify(headers);
      return true;
    }
    for (const given of api.guards) {
      const guard = typeof given === 'function' ? await this.resolve(given) : given;
      const answer = guard.canActivate(context);
      if (!(await (isObservable(answer) ? lastValueFrom(answer) : answer))) return false;
    }
    return true;
  }

  /** The host's own instance when there is one, else one made here. */
  private async resolve(guard: Type<CanActivate>): Promise<CanActivate> {
    const instance = this.guards.get(guard) ?? (await this.provided(guard));
    this.guards.set(guard, instance);
    return instance;
  }

  private provided(guard: Type<CanActivate>): CanActivate | Promise<CanActivate> {
    try {
      return this.moduleRef.get(guard, { strict: false });
    } catch {
      // Nobody provides it: that is what `create` is for.
      return this.moduleRef.create(guard);
    }
  }
}
