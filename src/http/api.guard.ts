import {
  Injectable,
  UnauthorizedException,
  type CanActivate,
  type ExecutionContext,
  type Type,
} from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { createHash, timingSafeEqual } from 'node:crypto';
import { lastValueFrom, isObservable } from 'rxjs';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { ApiKeyOptions, TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';

const KEY_HEADER = 'x-engagespot-api-key';
const SECRET_HEADER = 'x-engagespot-api-secret';

/** Lets in who has the API key and secret, or whom the host's own guards let in. */
@Injectable()
export class ApiGuard implements CanActivate {
  private readonly guards = new Map<Type<CanActivate>, CanActivate>();

  constructor(
    @InjectWhatsappOptions() private readonly options: TwilioWhatsappOptions,
    private readonly moduleRef: ModuleRef,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { api } = this.options;
    if (!api) return false;
    if (!('guards' in api)) return hasKey(context, api);
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

function hasKey(context: ExecutionContext, { key, secret }: ApiKeyOptions): boolean {
  const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, unknown> }>();
  // Both are compared, so that the time tells nothing about which of them is wrong.
  const matches = [same(headers[KEY_HEADER], key), same(headers[SECRET_HEADER], secret)];
  if (matches.every(Boolean)) return true;
  throw new UnauthorizedException(
    'The API key or secret is missing or wrong. Send them as X-ENGAGESPOT-API-KEY and X-ENGAGESPOT-API-SECRET.',
  );
}

const same = (given: unknown, expected: string): boolean =>
  typeof given === 'string' && timingSafeEqual(digest(given), digest(expected));

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
