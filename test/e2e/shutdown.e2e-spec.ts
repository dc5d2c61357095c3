import type { Server } from 'node:http';
import { Agent } from 'undici';
import { DataSource } from 'typeorm';
import { PLATFORMS, startApplication } from '../support/application.js';
import { CallbackClient, fields, sign } from '../support/callback-forms.js';

describe.each(PLATFORMS)('an application on %s that closes', (platform) => {
  it('answers the callback that is on its way, and waits no longer', async () => {
    const t = await startApplication({ platform });
    const agent = new Agent({ keepAliveTimeout: 60_000 });
    const { url, sid } = await new CallbackClient(t).sentMessage();
    const form = fields(sid, 'read');
    const { origin, pathname } = new URL(url);
    const server = t.app.getHttpServer() as Server;
    const dataSource = t.app.get(DataSource, { strict: false });

    let closing: Promise<void> | undefined;
    const answer = dataSource.transaction(async () => {
      const arrived = new Promise((resolve) => server.once('request', resolve));
      const answered = agent.request({
        origin,
        path: pathname,
        method: 'POST',
        headers: {
          'Content-Type': 'application/x-www-form-urlencoded',
          'X-Twilio-Signature': sign(url, form),
        },
        body: new URLSearchParams(form).toString(),
      });
      await arrived;
      closing = t.app.close();
      while (server.listening) await new Promise((resolve) => setTimeout(resolve, 5));
      return { answered };
    });
    const { statusCode, body } = await (await answer).answered;
    await body.dump();
    expect(statusCode).toBe(204);
    // Express would wait for 5 s, Fastify for 72 s.
    const late = new Promise((resolve) => setTimeout(resolve, 3000, 'late').unref());
    expect(await Promise.race([closing, late])).toBeUndefined();

    await agent.close();
    await t.simulator.stop();
    await t.database.drop();
  });
});

it('ends an application after its drain, while retention still waits for the database', async () => {
  const drainTimeoutMs = 100;
  const t = await startApplication({
    options: { retention: { purgeAfterDays: 1e-9 }, delivery: { drainTimeoutMs } },
  });
  // Retention waits for it for ten seconds.
  const host = t.app.get(DataSource, { strict: false }).createQueryRunner();
  await host.startTransaction();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const begun = performance.now();
  await t.app.close();
  expect(performance.now() - begun).toBeLessThan(drainTimeoutMs + 2500);
  await t.simulator.stop();
  await t.database.drop();
});
