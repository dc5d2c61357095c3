import { Injectable, Module, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { ConfigModule, type ConfigType } from '@nestjs/config';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import request from 'supertest';
import { of } from 'rxjs';
import {
  TwilioWhatsappModule,
  TwilioWhatsappOptionsError,
  TwilioWhatsappSender,
  type TwilioWhatsappModuleOptions,
} from '../../src/index.js';
import { twilioWhatsappConfig } from '../../src/twilio-whatsapp.config.js';
import { TwilioSimulator } from '../../src/simulator/index.js';
import {
  ACCOUNT_SID,
  AUTH_TOKEN,
  ENCRYPTION_KEY,
  Listener,
  PROVIDER,
  SENDER,
  startApplication,
} from '../support/application.js';

const database = {
  type: 'better-sqlite3',
  database: ':memory:',
  autoLoadEntities: true,
  synchronize: true,
} as const;
const notification = {
  notification: { title: 'Hello' },
  sendTo: { recipients: [{ identifier: 'anand', phoneNumber: '+447700900100' }] },
};

describe('TwilioWhatsappModule', () => {
  let simulator: TwilioSimulator;
  let options: TwilioWhatsappModuleOptions;

  beforeAll(async () => {
    simulator = await new TwilioSimulator({
      accounts: [{ accountSid: ACCOUNT_SID, authToken: AUTH_TOKEN }],
    }).start();
    options = {
      publicUrl: 'http://127.0.0.1:9',
      encryptionKeys: [ENCRYPTION_KEY],
      provider: PROVIDER,
      twilioApiUrl: simulator.url,
    };
  });
  afterAll(() => simulator.stop());

  async function boot(
    imports: NonNullable<Parameters<typeof Test.createTestingModule>[0]['imports']>,
  ) {
    const module = await Test.createTestingModule({ imports, providers: [Listener] }).compile();
    const app = module.createNestApplication({ logger: false });
    await app.init();
    return app;
  }

  async function sends(imports: Parameters<typeof boot>[0]) {
    const app = await boot(imports);
    const { requestId } = await app.get(TwilioWhatsappSender, { strict: false }).send(notification);
    await app
      .get(Listener)
      .waitFor((event) => event.type === 'sent' && event.requestId === requestId);
    return app;
  }

  it.each<[string, () => Parameters<typeof boot>[0]]>([
    [
      'forRoot',
      () => [
        TypeOrmModule.forRoot(database),
        TwilioWhatsappModule.forRoot({ ...options, controllers: false }),
      ],
    ],
    [
      'forRootAsync with a factory',
      () => [
        TypeOrmModule.forRoot(database),
        TwilioWhatsappModule.forRootAsync({ useFactory: () => options, controllers: false }),
      ],
    ],
    [
      'forRootAsync with a class',
      () => {
        class Options {
          createTwilioWhatsappOptions = () => options;
        }
        return [
          TypeOrmModule.forRoot(database),
          TwilioWhatsappModule.forRootAsync({ useClass: Options, controllers: false }),
        ];
      },
    ],
    [
      'a named data source',
      () => [
        TypeOrmModule.forRoot({ ...database, name: 'events' }),
        TwilioWhatsappModule.forRoot({ ...options, controllers: false, dataSource: 'events' }),
      ],
    ],
  ])('sends and tells listeners, configured by %s', async (_case, imports) => {
    const app = await sends(imports());
    await app.close();
  });

  it.each<[string, () => Parameters<typeof TwilioWhatsappModule.forRootAsync>[0]]>([
    ['alone', () => twilioWhatsappConfig.asProvider()],
    [
      'and the host',
      () => ({
        imports: [ConfigModule.forFeature(twilioWhatsappConfig)],
        inject: [twilioWhatsappConfig.KEY],
        useFactory: (config: ConfigType<typeof twilioWhatsappConfig>) => ({
          ...config,
          callbackConnection: 'rc=5&rp=all',
        }),
      }),
    ],
  ])('is configured by the environment %s', async (_case, configured) => {
    const variables = {
      ...PROVIDER,
      PUBLIC_URL: options.publicUrl,
      ENCRYPTION_KEYS: ENCRYPTION_KEY,
      API_KEY: 'k',
      API_SECRET: 's',
      TWILIO_API_URL: simulator.url,
    };
    Object.assign(process.env, variables);
    try {
      const app = await sends([
        ConfigModule.forRoot({ ignoreEnvFile: true }),
        TypeOrmModule.forRoot(database),
        TwilioWhatsappModule.forRootAsync(configured()),
      ]);
      await request(app.getHttpServer()).get('/v3/providers').expect(401);
      await app.close();
    } finally {
      for (const name of Object.keys(variables)) delete process.env[name];
    }
  });

  it('mounts nothing without controllers', async () => {
    const app = await boot([
      TypeOrmModule.forRoot(database),
      TwilioWhatsappModule.forRoot({ ...options, controllers: false }),
    ]);
    await request(app.getHttpServer()).get('/v3/providers').expect(404);
    await app.close();
  });

  it('mounts under the prefix that it is told, callbacks too', async () => {
    const app = await boot([
      TypeOrmModule.forRoot(database),
      TwilioWhatsappModule.forRoot({
        ...options,
        pathPrefix: 'whatsapp/v3',
        api: { key: 'k', secret: 's' },
      }),
    ]);
    const headers = { 'X-ENGAGESPOT-API-KEY': 'k', 'X-ENGAGESPOT-API-SECRET': 's' };
    const { body } = await request(app.getHttpServer())
      .get('/whatsapp/v3/provider-instances')
      .set(headers)
      .expect(200);
    expect(body.items[0].callbackUrl).toContain('/whatsapp/v3/callbacks/twilio_whatsapp/');
    await request(app.getHttpServer()).get('/v3/providers').set(headers).expect(404);
    await app.close();
  });

  it('is there for other modules when it is global', async () => {
    @Injectable()
    class Orders {
      constructor(readonly whatsapp: TwilioWhatsappSender) {}
    }
    @Module({ providers: [Orders] })
    class OrdersModule {}
    const app = await boot([
      TypeOrmModule.forRoot(database),
      TwilioWhatsappModule.forRoot({ ...options, controllers: false, isGlobal: true }),
      OrdersModule,
    ]);
    expect(app.get(Orders, { strict: false }).whatsapp).toBeInstanceOf(TwilioWhatsappSender);
    await app.close();
  });

  it('does not boot with a REST API that anybody may use', async () => {
    const open = boot([TypeOrmModule.forRoot(database), TwilioWhatsappModule.forRoot(options)]);
    await expect(open).rejects.toThrow(TwilioWhatsappOptionsError);
  });

  it('names every option that is wrong, and no secret', async () => {
    const wrong = boot([
      TypeOrmModule.forRoot(database),
      TwilioWhatsappModule.forRoot({
        ...options,
        controllers: false,
        publicUrl: 'nowhere',
        encryptionKeys: ['geheim'],
        provider: { ...PROVIDER, TWILIO_AUTH_TOKEN: 'geheim' },
      }),
    ]);
    const { message } = await wrong.then(
      () => new Error('it booted'),
      (failure: Error) => failure,
    );
    expect(message).toMatch(/publicUrl[^]*encryptionKeys[^]*TWILIO_AUTH_TOKEN/);
    expect(message).not.toContain('geheim');
  });

  it.each<[string, CanActivate | (new () => CanActivate)]>([
    [
      'a class',
      class {
        canActivate = (context: ExecutionContext) => isVip(context);
      },
    ],
    ['an instance', { canActivate: (context) => of(isVip(context)) }],
  ])('is guarded by the host: %s', async (_case, guard) => {
    const app = await boot([
      TypeOrmModule.forRoot(database),
      TwilioWhatsappModule.forRoot({ ...options, api: { guards: [guard] } }),
    ]);
    await request(app.getHttpServer()).get('/v3/providers').expect(403);
    await request(app.getHttpServer()).get('/v3/providers').set('x-vip', 'yes').expect(200);
    await app.close();
  });

  it('asks the host’s user directory', async () => {
    const asked: string[][] = [];
    const t = await startApplication({
      options: {
        userDirectory: {
          find: async (identifiers) => {
            asked.push([...identifiers]);
            return [{ identifier: 'known', phoneNumber: '+447700900100' }, { identifier: 'mute' }];
          },
        },
      },
    });
    const { body } = await t
      .api()
      .post('/v3/notifications')
      .send({ notification: { title: 'x' }, sendTo: { recipients: ['known', 'mute', 'unknown'] } })
      .expect(202);
    expect(asked).toEqual([['known', 'mute', 'unknown']]);
    await t.settled(body.requestId, 'known', 'seen');
    expect(await t.settled(body.requestId, 'mute', 'discarded')).toMatchObject({
      reason: 'phone_missing',
    });
    expect(await t.settled(body.requestId, 'unknown', 'discarded')).toMatchObject({
      reason: 'recipient_unknown',
    });
    await t.api().put('/v3/users/known').send({}).expect(409);
    await t.stop();
  });

  it('restricts what callers may override', async () => {
    const t = await startApplication({ options: { allowOverrides: ['content'] } });
    const { body } = await t
      .api()
      .post('/v3/notifications')
      .send({
        ...notification,
        override: { twilio_whatsapp: { Body: 'x', From: SENDER, TWILIO_AUTH_TOKEN: AUTH_TOKEN } },
      })
      .expect(400);
    expect(body.message).toEqual([
      expect.stringContaining('From may not be overridden here (sender)'),
      expect.stringContaining('TWILIO_AUTH_TOKEN may not be overridden here (credentials)'),
    ]);
    await t.stop();
  });

  it('goes on when a listener throws', async () => {
    @Injectable()
    class Clumsy extends Listener {
      override onEvent(): never {
        throw new Error('clumsy');
      }
    }
    @Module({ providers: [Clumsy] })
    class ClumsyModule {}
    const t = await startApplication({ imports: [ClumsyModule] });
    const { body } = await t.api().post('/v3/notifications').send(notification).expect(202);
    await t.listener.waitFor(
      (event) => event.type === 'seen' && event.requestId === body.requestId,
    );
    await t.stop();
  });
});

const isVip = (context: ExecutionContext): boolean =>
  context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-vip'] ===
  'yes';
