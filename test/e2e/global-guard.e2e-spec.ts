import {
  Controller,
  Get,
  Injectable,
  Module,
  type CanActivate,
  type ExecutionContext,
  type Type,
} from '@nestjs/common';
import { APP_GUARD, Reflector } from '@nestjs/core';
import request from 'supertest';
import { isWhatsappCallback, WHATSAPP_CALLBACK } from '../../src/index.js';
import {
  API_KEY,
  PLATFORMS,
  startApplication,
  type TestApplication,
} from '../support/application.js';
import { CallbackClient, fields } from '../support/callback-forms.js';

/** What every request to the host has to bring along. */
const isKnown = (context: ExecutionContext): boolean =>
  context.switchToHttp().getRequest<{ headers: Record<string, unknown> }>().headers[
    'x-engagespot-api-key'
  ] === API_KEY;

@Injectable()
class GuardWithPredicate implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return isWhatsappCallback(context) || isKnown(context);
  }
}

@Injectable()
class GuardByMetadata implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const targets = [context.getHandler(), context.getClass()];
    return (
      this.reflector.getAllAndOverride<boolean>(WHATSAPP_CALLBACK, targets) || isKnown(context)
    );
  }
}

@Injectable()
class GuardByMetadataOfHandlers implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    return this.reflector.get<boolean>(WHATSAPP_CALLBACK, context.getHandler()) || isKnown(context);
  }
}

@Controller('host')
class HostController {
  @Get()
  get(): string {
    return 'of the host';
  }
}

function guardedBy(guard: Type<CanActivate>): Type {
  @Module({
    controllers: [HostController],
    providers: [{ provide: APP_GUARD, useClass: guard }],
  })
  class GuardedModule {}
  return GuardedModule;
}

describe.each(PLATFORMS)('a host with a global guard on %s', (platform) => {
  describe.each([GuardWithPredicate, GuardByMetadata, GuardByMetadataOfHandlers])(
    'that lets callbacks through: %p',
    (guard) => {
      let t: TestApplication;
      let twilio: CallbackClient;

      beforeAll(async () => {
        t = await startApplication({ platform, imports: [guardedBy(guard)] });
        twilio = new CallbackClient(t);
      });
      afterAll(() => t.stop());

      it('hears what Twilio reports, on the URLs of attempts and of instances', async () => {
        const { id, sid, url, instance } = await twilio.sentMessage();
        await twilio.post(url, fields(sid, 'delivered')).expect(204);
        expect((await twilio.detail(id)).status).toBe('delivered');
        const instanceUrl = `${t.url}/v3/callbacks/twilio_whatsapp/${instance}`;
        await twilio.post(instanceUrl, fields(sid, 'read')).expect(204);
        expect((await twilio.detail(id)).status).toBe('seen');
      });

      it('hears nothing that Twilio did not sign', async () => {
        const { id, sid, url } = await twilio.sentMessage();
        await twilio.post(url, fields(sid, 'delivered'), `${'A'.repeat(27)}=`).expect(403);
        expect((await twilio.detail(id)).status).toBe('sent');
      });

      it.each(['/host', '/v3/messages', '/v3/provider-instances'])(
        'still guards %s',
        async (path) => {
          await request(t.app.getHttpServer()).get(path).expect(403);
          await t.api().get(path).expect(200);
        },
      );
    },
  );
});
