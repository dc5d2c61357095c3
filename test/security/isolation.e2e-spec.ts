import { createHash } from 'node:crypto';
import { RequestMethod, type INestApplication } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { getExpectedTwilioSignature } from 'twilio/lib/webhooks/webhooks.js';
import { newId } from '../../src/database/time-ordered-id.js';
import {
  ACCOUNT_SID,
  AUTH_TOKEN,
  fictionalNumber,
  OTHER_ACCOUNT_SID,
  OTHER_AUTH_TOKEN,
  OTHER_SENDER,
  PLATFORMS,
  startApplication,
  type TestApplication,
} from '../support/application.js';
import { tablesOf } from '../support/dump.js';

interface Route {
  readonly method: string;
  readonly path: string;
}

const CALLBACKS = '/v3/callbacks/twilio_whatsapp/';

/** The routes of the module, as its controllers declare them. */
function routesOf(app: INestApplication): Route[] {
  const scanner = new MetadataScanner();
  return app
    .get(DiscoveryService, { strict: false })
    .getControllers()
    .flatMap(({ metatype }) => {
      const { prototype } = metatype as { prototype: Record<string, object> };
      return scanner.getAllMethodNames(prototype).flatMap((name): Route[] => {
        const method: unknown = Reflect.getMetadata(METHOD_METADATA, prototype[name]);
        if (method === undefined) return [];
        const parts: unknown[] = [
          'v3',
          Reflect.getMetadata(PATH_METADATA, metatype as object),
          Reflect.getMetadata(PATH_METADATA, prototype[name]),
        ];
        const path = parts.map(String).join('/').replaceAll(/\/+/g, '/').replace(/\/$/, '');
        return [{ method: RequestMethod[method as number], path: `/${path}` }];
      });
    });
}

/** What Express itself says that it serves. */
function servedByExpress(app: INestApplication): Route[] {
  const { router } = app.getHttpAdapter().getInstance() as {
    router: { stack: { route?: { path: string; methods: Record<string, boolean> } }[] };
  };
  return router.stack.flatMap(({ route }) =>
    route
      ? Object.keys(route.methods).map((method) => ({
          method: method.toUpperCase(),
          path: route.path,
        }))
      : [],
  );
}

describe.each(PLATFORMS)('isolation on %s', (platform) => {
  let t: TestApplication;
  let numbers = 0;
  const instances: string[] = [];

  beforeAll(async () => {
    t = await startApplication({ platform });
    await t
      .api()
      .post('/v3/provider-instances')
      .send({
        name: 'other',
        config: {
          TWILIO_ACCOUNT_SID: OTHER_ACCOUNT_SID,
          TWILIO_AUTH_TOKEN: OTHER_AUTH_TOKEN,
          TWILIO_FROM_NUMBER: OTHER_SENDER,
        },
      })
      .expect(201);
    const { body } = await t.api().get('/v3/provider-instances');
    instances.push(...(body.items as { id: string }[]).map(({ id }) => id));
  });
  afterAll(() => t.stop());

  /** A message of an instance of which nothing more will be heard. */
  async function sent(instance: number) {
    const recipient = `user-${++numbers}`;
    const phoneNumber = fictionalNumber(numbers);
    t.simulator.script(phoneNumber, { statuses: [] });
    const { body } = await t
      .api()
      .post('/v3/notifications')
      .send({
        notification: { title: 'Hello' },
        sendTo: { recipients: [{ identifier: recipient, phoneNumber }] },
        override: { twilio_whatsapp: { _instance: instances[instance] } },
      })
      .expect(202);
    const { id, sid } = await t.settled(body.requestId, recipient, 'sent');
    const [{ form }] = t.simulator.messagesTo(phoneNumber);
    const url = form.get('StatusCallback')!;
    return { id: String(id), sid: String(sid), url, recipient, requestId: String(body.requestId) };
  }

  const path = (route: Route, id: string) => route.path.replaceAll(/:\w+/g, id);
  const call = ({ method }: Route, url: string, headers: Record<string, string> = {}) =>
    fetch(`${t.url}${url}`, {
      method,
      headers: { ...headers, ...(method !== 'GET' && { 'Content-Type': 'application/json' }) },
      ...(method !== 'GET' && { body: '{}' }),
    });
  const rows = async () => JSON.stringify(await tablesOf(t.database.options));

  it('serves the routes that are tried here, and no other', () => {
    const routes = routesOf(t.app);
    expect(routes.length).toBeGreaterThan(20);
    if (platform === 'express') {
      const sorted = (list: Route[]) =>
        list.map((route) => Object.values(route).join(' ')).toSorted();
      expect(sorted(servedByExpress(t.app))).toEqual(sorted(routes));
    } else {
      const fastify = t.app.getHttpAdapter().getInstance() as {
        hasRoute(route: { method: string; url: string }): boolean;
      };
      for (const { method, path: url } of routes) {
        expect([url, fastify.hasRoute({ method, url })]).toEqual([url, true]);
      }
    }
  });

  it('lets nobody in who does not say who they are', async () => {
    const before = await rows();
    const headers: Record<string, string>[] = [
      {},
      { 'X-ENGAGESPOT-API-KEY': 'test-api-key' },
      { 'X-ENGAGESPOT-API-SECRET': 'test-api-secret' },
      { 'X-ENGAGESPOT-API-KEY': 'test-api-key', 'X-ENGAGESPOT-API-SECRET': 'test-api-secre' },
      { 'X-ENGAGESPOT-API-KEY': '', 'X-ENGAGESPOT-API-SECRET': '' },
      { Authorization: 'Basic dGVzdC1hcGkta2V5OnRlc3QtYXBpLXNlY3JldA==' },
      { Cookie: 'X-ENGAGESPOT-API-KEY=test-api-key; X-ENGAGESPOT-API-SECRET=test-api-secret' },
    ];
    for (const route of routesOf(t.app)) {
      const expected = route.path.startsWith(CALLBACKS) ? [400, 403] : [401];
      for (const given of headers) {
        const { status } = await call(route, path(route, newId(Date.now())), given);
        expect([route, expected.includes(status), status]).toEqual([route, true, status]);
      }
    }
    expect(await rows()).toBe(before);
  });

  it('says 404 of every id that is not there, and changes nothing', async () => {
    const before = await rows();
    const headers = {
      'X-ENGAGESPOT-API-KEY': 'test-api-key',
      'X-ENGAGESPOT-API-SECRET': 'test-api-secret',
    };
    const message = await sent(0);
    const after = await rows();
    expect(after).not.toBe(before);
    // Strange ids: none at all, and those of other things.
    const ids = [newId(Date.now()), message.requestId, instances[0], message.id];
    for (const route of routesOf(t.app)) {
      if (!route.path.includes(':') || route.path.startsWith(CALLBACKS)) continue;
      if (route.method === 'PUT') continue;
      const own = route.path.includes('notifications')
        ? [message.requestId]
        : route.path.includes('messages')
          ? [message.id]
          : route.path.includes('instances')
            ? instances
            : [];
      for (const id of ids.filter((each) => !own.includes(each))) {
        // `resolve` looks at its body first.
        const body = route.path.endsWith('resolve') ? '{"status":"sent"}' : '{}';
        const response = await fetch(`${t.url}${path(route, id)}`, {
          method: route.method,
          headers: {
            ...headers,
            ...(route.method !== 'GET' && { 'Content-Type': 'application/json' }),
          },
          ...(route.method !== 'GET' && { body }),
        });
        expect([route, response.status]).toEqual([route, 404]);
      }
      const { status } = await call(route, path(route, 'no-uuid'), headers);
      expect([route, [400, 404].includes(status)]).toEqual([route, true]);
    }
    for (const filter of ['requestId', 'instance', 'recipient', 'cursor']) {
      const foreign =
        filter === 'cursor' ? '00000000-0000-7000-8000-000000000000' : newId(Date.now());
      const { body } = await t.api().get(`/v3/messages?${filter}=${foreign}`).expect(200);
      expect(body).toEqual({ items: [] });
    }
    expect(await rows()).toBe(after);
  });

  it('keeps the callbacks of an instance to its own messages', async () => {
    const messages = [await sent(0), await sent(1), await sent(0)];
    const before = await rows();
    const accounts = [
      { sid: ACCOUNT_SID, token: AUTH_TOKEN },
      { sid: OTHER_ACCOUNT_SID, token: OTHER_AUTH_TOKEN },
    ];
    const post = async (url: string, sid: string, signer: number, account: number) => {
      const form = {
        MessageSid: sid,
        MessageStatus: 'read',
        AccountSid: accounts[account].sid,
      };
      const { status } = await fetch(`${t.url}${new URL(url).pathname}`, {
        method: 'POST',
        headers: {
          'X-Twilio-Signature': getExpectedTwilioSignature(accounts[signer].token, url, form),
        },
        body: new URLSearchParams(form),
      });
      return status;
    };
    const answers = new Map<number, number>();
    const count = (status: number) => answers.set(status, (answers.get(status) ?? 0) + 1);
    const own = [0, 1, 0];
    for (const [index, message] of messages.entries()) {
      for (const signer of [0, 1]) {
        for (const account of [0, 1]) {
          // On its own URL: only the instance that sent it may speak.
          if (signer !== own[index] || account !== own[index]) {
            count(await post(message.url, message.sid, signer, account));
          }
          // On the URL of an instance: only about its own messages.
          for (const [target, id] of instances.entries()) {
            const isOwn = target === own[index] && signer === target && account === target;
            if (isOwn) continue;
            const url = `${t.url}${CALLBACKS}${id}`;
            count(await post(url, message.sid, signer, account));
          }
          // With the parts of another message's URL.
          const other = messages[(index + 1) % 3];
          const [mine, foreign] = [message.url.split('/'), other.url.split('/')];
          for (const part of [-4, -3, -1]) {
            const at = mine.length + part;
            if (mine[at] === foreign[at]) continue;
            count(await post(mine.with(at, foreign[at]).join('/'), message.sid, signer, account));
          }
        }
      }
    }
    expect(await rows()).toBe(before);
    expect(new Set(answers.keys())).toEqual(new Set([204, 403]));
    // What is signed rightly by the instance itself about a message that is not its own is none of its business.
    expect(answers.get(204)).toBe(3);
    // And the control: rightly signed, on its own URL.
    expect(await post(messages[0].url, messages[0].sid, 0, 0)).toBe(204);
    expect(await rows()).not.toBe(before);
  });

  it('keeps the events of an instance to its own messages, whatever URL they name', async () => {
    const message = await sent(0);
    const before = await rows();
    for (const messageSid of [message.sid, `SM${'5'.repeat(32)}`]) {
      const events = JSON.stringify({
        type: 'com.twilio.messaging.message.read',
        data: { messageSid, accountSid: OTHER_ACCOUNT_SID, statusCallBackUrl: message.url },
      });
      const hash = createHash('sha256').update(events).digest('hex');
      const url = `${t.url}${CALLBACKS}${instances[1]}?bodySHA256=${hash}`;
      const { status } = await fetch(url, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          'X-Twilio-Signature': getExpectedTwilioSignature(OTHER_AUTH_TOKEN, url, {}),
        },
        body: events,
      });
      expect(status).toBe(204);
    }
    expect(await rows()).toBe(before);
  });
});

describe('without a guard', () => {
  it.each([undefined, { key: '', secret: '' }, { key: 'k', secret: '' }, { guards: [] }])(
    'the application does not boot: %j',
    async (api) => {
      await expect(startApplication({ options: { api } })).rejects.toThrow('api must be');
    },
  );
});
