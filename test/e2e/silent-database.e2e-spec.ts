import type { DataSourceOptions } from 'typeorm';
import { DatabaseUnavailableError, TwilioWhatsappSender } from '../../src/index.js';
import {
  API_KEY,
  API_SECRET,
  fictionalNumber,
  startApplication,
  startHost,
  type TestApplication,
} from '../support/application.js';
import { DATABASES, describeOn } from '../support/databases.js';
import { TcpProxy } from '../support/tcp-proxy.js';

const TIMEOUT_MS = 1000;
const DRAIN_MS = 600;
const POOL_SIZE = 4;
/** What a busy machine may take beyond a deadline. */
const SLACK_MS = 2500;

// SQLite runs within the process: it cannot fall silent.
for (const { name, url } of DATABASES.slice(1)) {
  describeOn(url)(`a ${name} that keeps its connections and answers nothing`, () => {
    let proxy: TcpProxy;
    let t: TestApplication;
    const options = { delivery: { databaseTimeoutMs: TIMEOUT_MS, drainTimeoutMs: DRAIN_MS } };
    const through = (direct: DataSourceOptions): DataSourceOptions => {
      const proxied = new URL((direct as { url: string }).url);
      proxied.port = new URL(proxy.url).port;
      const { extra } = direct;
      return {
        ...direct,
        url: proxied.href,
        poolSize: POOL_SIZE,
        ...(direct.type === 'postgres'
          ? { extra: { ...(extra as object), connectionTimeoutMillis: TIMEOUT_MS } }
          : { connectTimeout: TIMEOUT_MS }),
      } as DataSourceOptions;
    };

    beforeAll(async () => {
      proxy = await new TcpProxy(new URL(url!)).start();
      t = await startApplication({
        database: url,
        dataSource: through,
        options,
      });
    });
    afterEach(() => proxy.hang(false));
    afterAll(async () => {
      await t.stop();
      await proxy.cut();
    });

    const recipientsOf = (index: number) => [
      { identifier: `user-${index}`, phoneNumber: fictionalNumber(index) },
    ];
    const request = async (method: string, path: string, body?: object, key?: string) => {
      const begun = performance.now();
      const response = await fetch(`${t.url}/v3/${path}`, {
        method,
        headers: {
          'X-ENGAGESPOT-API-KEY': API_KEY,
          'X-ENGAGESPOT-API-SECRET': API_SECRET,
          ...(body && { 'Content-Type': 'application/json' }),
          ...(key && { 'Idempotency-Key': key }),
        },
        body: body && JSON.stringify(body),
      });
      return {
        status: response.status,
        retryAfter: response.headers.get('retry-after'),
        body: (await response.json()) as { requestId: string; message: string },
        ms: performance.now() - begun,
      };
    };
    const post = (index: number, key?: string) =>
      request(
        'POST',
        'notifications',
        { notification: { title: 'Hello' }, sendTo: { recipients: recipientsOf(index) } },
        key,
      );
    const postsTo = (index: number) =>
      t.simulator.posts.filter(({ to }) => to === `whatsapp:${fictionalNumber(index)}`).length;

    it('is answered for to those who inject the sender, too', async () => {
      const whatsapp = t.app.get(TwilioWhatsappSender);
      const { requestId } = (await post(20)).body;
      // Until the SDK is loaded, which takes a while.
      const { messageId: id } = await t.listener.waitFor((event) => event.requestId === requestId);
      proxy.hang(true);
      const begun = performance.now();
      const answers = await Promise.allSettled([
        whatsapp.status(requestId),
        whatsapp.message(id),
        whatsapp.list(),
        whatsapp.cancel(id),
        whatsapp.resolve(id, { status: 'discarded' }),
      ]);
      expect(performance.now() - begun).toBeLessThan(3 * TIMEOUT_MS + SLACK_MS);
      for (const answer of answers) {
        expect(answer).toMatchObject({ reason: expect.any(DatabaseUnavailableError) });
      }
    });

    it('is answered for with 503 in time, and loses and doubles nothing', async () => {
      expect(await post(1)).toMatchObject({ status: 202 });
      const { requestId } = (await post(2)).body;
      proxy.hang(true);
      const answers = await Promise.all([
        post(3, 'silence'),
        post(4),
        request('PUT', 'users/user-5', { phoneNumber: fictionalNumber(5) }),
        ...Array.from({ length: 30 }, () => request('GET', `notifications/${requestId}`)),
        request('GET', 'users/user-1'),
        request('GET', 'provider-instances'),
      ]);
      for (const { status, retryAfter, body, ms } of answers) {
        if (status === 200) continue;
        expect({ status, retryAfter }).toEqual({ status: 503, retryAfter: '1' });
        expect(body.message).toContain('does not answer');
        expect(ms).toBeLessThan(3 * TIMEOUT_MS + SLACK_MS);
      }
      expect(answers.filter(({ status }) => status === 503).length).toBeGreaterThan(30);

      proxy.hang(false);
      let repeated = await post(3, 'silence');
      for (let tries = 1; repeated.status === 503 && tries < 30; tries++) {
        repeated = await post(3, 'silence');
      }
      expect(repeated).toMatchObject({ status: 202 });
      await t.settled(repeated.body.requestId, 'user-3', 'seen');
      expect(await post(3, 'silence')).toMatchObject({ status: 202, body: repeated.body });
      await t.settled((await post(6)).body.requestId, 'user-6', 'seen');
      expect(postsTo(3)).toBe(1);
      expect(postsTo(6)).toBe(1);
      expect(postsTo(4)).toBeLessThanOrEqual(1);
    });

    it('holds up nobody but those on the connection that is dead', async () => {
      const sender = t.app.get(TwilioWhatsappSender, { strict: false });
      const sendAt = new Date(Date.now() + 3_600_000).toISOString();
      const send = (idempotencyKey?: string) =>
        sender.send(
          { notification: { title: 'Hello' }, sendTo: { recipients: ['later'] }, sendAt },
          { idempotencyKey },
        );
      await request('PUT', 'users/later', { phoneNumber: fictionalNumber(10) });
      const silent = proxy.silenceNextCommit();
      let isAnswered = false;
      const dead = send().catch((error: unknown) => {
        isAnswered = true;
        return error;
      });
      await silent;
      await Promise.all([send(), send(), send('another')]);
      expect(isAnswered).toBe(false);
      expect(await dead).toMatchObject({ status: 503 });

      const silentAgain = proxy.silenceNextCommit();
      const unconfirmed = send('unconfirmed').catch((error: unknown) => error);
      await silentAgain;
      expect(await unconfirmed).toMatchObject({ status: 503 });
      const { requestId } = await send('unconfirmed');
      expect(await send('unconfirmed')).toEqual({ requestId });
      const { body } = await t.api().get(`/v3/notifications/${requestId}`);
      expect(body.counts).toEqual({ queued: 1 });
    });

    it('loses its connections, and is connected to anew', async () => {
      const sender = t.app.get(TwilioWhatsappSender, { strict: false });
      const sendAt = new Date(Date.now() + 3_600_000).toISOString();
      const send = () =>
        sender
          .send({ notification: { title: 'Hello' }, sendTo: { recipients: ['later'] }, sendAt })
          .then(() => true)
          .catch(() => false);
      const answers: Promise<boolean>[] = [];
      for (let connection = 1; connection <= POOL_SIZE; connection++) {
        const silent = proxy.silenceNextCommit();
        answers.push(send());
        await silent;
      }
      expect(await Promise.all(answers)).toEqual(answers.map(() => false));
      const begun = performance.now();
      while (!(await send())) {
        expect(performance.now() - begun).toBeLessThan(2 * TIMEOUT_MS + SLACK_MS);
      }
    });

    it('does not keep the application from its end', async () => {
      // Something of everything is under way.
      const { app } = await startHost(t.database.options, t.simulator.url, {
        dataSource: through,
        options: { ...options, retention: { purgeAfterDays: 1e-6 } },
      });
      await post(7);
      proxy.hang(true);
      await Promise.all([post(8), post(9, 'end')]);
      for (const each of [app, t.app]) {
        const begun = performance.now();
        await each.close();
        expect(performance.now() - begun).toBeLessThan(DRAIN_MS + 1000 + SLACK_MS);
      }
    });
  });
}
