import {
  Injectable,
  UnauthorizedException,
  type CanActivate,
  type ExecutionContext,
  type Type,
} from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { hash, timingSafeEqual } from 'node:crypto';
import { lastValueFrom, isObservable } from 'rxjs';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';

const KEY_HEADER = 'x-engagespot-api-key';
const SECRET_HEADER = 'x-engagespot-api-secret';

/** Lets in who has the API key and secret, or whom the host's own guards let in. */
@Injectable()
export class ApiGuard implements CanActivate {
  private readonly guards = new Map<Type<CanActivate>, CanActivate>();
  private readonly expected?: readonly Buffer[];

  constructor(
    @InjectWhatsappOptions() private readonly options: TwilioWhatsappOptions,
    private readonly moduleRef: ModuleRef,
  ) {
    const { api } = options;
    if (api && 'key' in api) this.expected = [digest(api.key), digest(api.secret)];
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { api } = this.options;
    if (!api) return false;
    if (!('guards' in api)) return hasKey(context, this.expected!);
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

function hasKey(context: ExecutionContext, [key, secret]: readonly Buffer[]): boolean {
  const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, unknown> }>();
  // Both are compared, so that the time tells nothing about which of them is wrong.
  const matches = [same(headers[KEY_HEADER], key), same(headers[SECRET_HEADER], secret)];
  if (matches.every(Boolean)) return true;
  throw new UnauthorizedException(
    'The API key or secret is missing or wrong. Send them as X-ENGAGESPOT-API-KEY and X-ENGAGESPOT-API-SECRET.',
  );
}

const same = (given: unknown, expected: Buffer): boolean =>
  typeof given === 'string' && timingSafeEqual(digest(given), expected);

const digest = (text: string): Buffer => hash('sha256', text, 'buffer');
