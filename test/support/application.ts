import { Injectable, Module, type INestApplication } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import request from 'supertest';
import type { App } from 'supertest/types.js';
import { APP_FILTER } from '@nestjs/core';
import type { DataSourceOptions } from 'typeorm';
import { freePort } from '../../src/app/demo/free-port.js';
import { HttpErrorFilter } from '../../src/app/http-error.filter.js';
import {
  limitRequestTime,
  OnWhatsappEvent,
  TwilioWhatsappModule,
  useWhatsappBodyParsers,
  type TwilioWhatsappModuleExtras,
  type TwilioWhatsappModuleOptions,
  type WhatsappDeliveryEvent,
} from '../../src/index.js';
import {
  FATES_BY_NUMBER,
  TwilioSimulator,
  type SimulatorOptions,
} from '../../src/simulator/index.js';
import { createDatabase, type TestDatabase } from './databases.js';
import { eventually } from './eventually.js';

export const ACCOUNT_SID = `AC${'a'.repeat(32)}`;
export const AUTH_TOKEN = 'not-a-real-auth-token-0001';
export const OTHER_ACCOUNT_SID = `AC${'b'.repeat(32)}`;
export const OTHER_AUTH_TOKEN = 'not-a-real-auth-token-0002';
export const SENDER = '+14155238886';
export const OTHER_SENDER = '+14155238887';

/** The configuration of the instance that every test application begins with. */
export const PROVIDER = {
  TWILIO_ACCOUNT_SID: ACCOUNT_SID,
  TWILIO_AUTH_TOKEN: AUTH_TOKEN,
  TWILIO_FROM_NUMBER: SENDER,
};

export const API_KEY = 'test-api-key';
export const API_SECRET = 'test-api-secret';
export const ENCRYPTION_KEY = Buffer.alloc(32, 7).toString('base64');

/** Numbers that are reserved for fiction: 555-0100 to 555-0199 of every area code. */
export const fictionalNumber = (index: number): string =>
  `+1${200 + Math.floor(index / LINES.length)}5550${LINES[index % LINES.length]}`;

/** Line numbers that are kept for fiction and that the simulator gives no fate of their own. */
const LINES = Array.from({ length: 100 }, (_, line) => String(100 + line)).filter(
  (line) => !(line in FATES_BY_NUMBER),
);

export const PLATFORMS = ['express', 'fastify'] as const;
export type Platform = (typeof PLATFORMS)[number];

/** Collects what listeners of a host are told, and lets tests wait for it. */
@Injectable()
export class Listener {
  readonly events: WhatsappDeliveryEvent[] = [];

  @OnWhatsappEvent('sent', 'delivered', 'seen', 'discarded', 'corrected')
  onEvent(event: WhatsappDeliveryEvent): void {
    this.events.push(event);
  }

  /** Resolves when an event fits, also one that has come already. */
  async waitFor(fits: (event: WhatsappDeliveryEvent) => boolean): Promise<WhatsappDeliveryEvent> {
    await eventually(
      () => this.events,
      (events) => events.some(fits),
    );
    return this.events.find(fits)!;
  }
}

/** An application with the module in it, its database, and the Twilio that it talks to. */
export interface TestApplication {
  readonly app: INestApplication<App>;
  readonly url: string;
  readonly simulator: TwilioSimulator;
  readonly listener: Listener;
  readonly database: TestDatabase;
  /** A client of the API with its credentials. */
  api(): ReturnType<typeof request.agent>;
  /** The message of a recipient once it has this status. */
  settled(requestId: string, recipient: string, status: string): Promise<Record<string, unknown>>;
  stop(): Promise<void>;
}

type TestOptions = Partial<TwilioWhatsappModuleOptions>;

/** Where the application listens, and where the simulator does. */
interface TestUrls {
  readonly url: string;
  readonly twilioApiUrl: string;
}

export interface TestSettings {
  readonly platform?: Platform;
  readonly database?: string;
  readonly options?: TestOptions | ((urls: TestUrls) => TestOptions);
  readonly extras?: TwilioWhatsappModuleExtras;
  readonly simulator?: Partial<SimulatorOptions>;
  /** Changes how the host connects to its database. */
  readonly dataSource?: (options: DataSourceOptions) => DataSourceOptions;
  /** Milliseconds that the host gives a request to come in. */
  readonly requestTimeoutMs?: number;
  readonly globalPrefix?: string;
  /** Changes the host application before it listens. */
  readonly configure?: (app: INestApplication<App>) => void;
  /** More of the host application. */
  readonly imports?: NonNullable<Parameters<typeof Test.createTestingModule>[0]['imports']>;
}

export async function startApplication(settings: TestSettings = {}): Promise<TestApplication> {
  const simulator = await new TwilioSimulator({
    accounts: [
      { accountSid: ACCOUNT_SID, authToken: AUTH_TOKEN, senders: [SENDER, OTHER_SENDER] },
      { accountSid: OTHER_ACCOUNT_SID, authToken: OTHER_AUTH_TOKEN },
    ],
    callbackDelayMs: 1,
    ...settings.simulator,
  }).start();
  const database = await createDatabase(settings.database ?? 'sqlite');
  const host = await startHost(database.options, simulator.url, settings).catch(
    async (error: unknown) => {
      await simulator.stop();
      await database.drop();
      throw error;
    },
  );
  const api = () =>
    request
      .agent(host.app.getHttpServer())
      .set({ 'X-ENGAGESPOT-API-KEY': API_KEY, 'X-ENGAGESPOT-API-SECRET': API_SECRET });
  return {
    ...host,
    simulator,
    database,
    api,
    async settled(requestId, recipient, status) {
      const message = await eventually(
        async () => {
          const { body } = await api().get(
            `/v3/messages?requestId=${requestId}&recipient=${recipient}`,
          );
          return (body as { items: (Record<string, unknown> | undefined)[] }).items[0];
        },
        (found) => found?.status === status,
      );
      return message!;
    },
    async stop() {
      await host.app.close();
      await simulator.stop();
      await database.drop();
    },
  };
}

/** Starts a host application on a database that is there already. */
export async function startHost(
  dataSource: DataSourceOptions,
  twilioApiUrl: string,
  {
    platform = 'fastify',
    options: given,
    extras,
    dataSource: change = (same) => same,
    requestTimeoutMs,
    globalPrefix = '',
    configure,
    imports = [],
  }: TestSettings,
): Promise<{ app: INestApplication<App>; url: string; listener: Listener }> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const options = typeof given === 'function' ? given({ url, twilioApiUrl }) : given;

  @Module({ providers: [Listener] })
  class HostModule {}

  const module = await Test.createTestingModule({
    imports: [
      TypeOrmModule.forRoot({ ...change(dataSource), migrationsRun: true, retryAttempts: 0 }),
      TwilioWhatsappModule.forRoot({
        publicUrl: url,
        encryptionKeys: [ENCRYPTION_KEY],
        api: { key: API_KEY, secret: API_SECRET },
        provider: PROVIDER,
        twilioApiUrl,
        ...options,
        delivery: {
          pollIntervalMs: 20,
          requestTimeoutMs: 10_000,
          messagesPerSecond: 10_000,
          ...options?.delivery,
        },
        isGlobal: true,
        ...extras,
      }),
      HostModule,
      ...imports,
    ],
    providers: [{ provide: APP_FILTER, useClass: HttpErrorFilter }],
  }).compile();
  const logger = process.env.TEST_LOG ? undefined : false;
  const settings = { rawBody: true, logger } as const;
  const app: INestApplication<App> =
    platform === 'fastify'
      ? module.createNestApplication(
          new FastifyAdapter({ routerOptions: { maxParamLength: 1024 } }),
          settings,
        )
      : module.createNestApplication(settings);
  useWhatsappBodyParsers(app);
  limitRequestTime(app, requestTimeoutMs);
  app.setGlobalPrefix(globalPrefix);
  configure?.(app);
  try {
    await app.listen(port, '127.0.0.1');
  } catch (error) {
    // One that could not boot must not hold on to its database.
    await app.close();
    throw error;
  }
  return { app, url, listener: app.get(Listener, { strict: false }) };
}
