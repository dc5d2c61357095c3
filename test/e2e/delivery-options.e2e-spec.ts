import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../src/app/demo/free-port.js';
import { TwilioWhatsappSender } from '../../src/index.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

const TO = '+447700900100';
/** What a busy machine may take beyond a deadline. */
const SLACK_MS = 2500;

const send = async (t: TestApplication, more: object = {}): Promise<string> =>
  (
    await t.app.get(TwilioWhatsappSender).send({
      notification: { title: 'Hello' },
      sendTo: { recipients: [{ identifier: 'anand', phoneNumber: TO }] },
      ...more,
    })
  ).requestId;

const messageOf = async (t: TestApplication, requestId: string) =>
  (await t.app.get(TwilioWhatsappSender).status(requestId)).messages.items[0];

describe('delivery.expireAfterMs', () => {
  it('gives up what could not be sent by then, counted from when it was due', async () => {
    const expireAfterMs = 1500;
    const t = await startApplication({
      // Nobody listens there: nothing is sent, and nothing is known to be wrong with the message.
      options: {
        twilioApiUrl: `http://127.0.0.1:${await freePort()}`,
        delivery: { expireAfterMs },
      },
    });
    const scheduled = await send(t, { sendAt: new Date(Date.now() + 3_600_000).toISOString() });
    const requestId = await send(t);
    const message = await eventually(
      () => messageOf(t, requestId),
      ({ status }) => status === 'discarded',
    );
    expect(message.reason).toBe('expired');
    expect(Date.parse(message.discardedAt!) - Date.parse(message.createdAt)).toBeGreaterThanOrEqual(
      expireAfterMs,
    );
    expect((await messageOf(t, scheduled)).status).toBe('queued');
    await t.stop();
  });
});

describe('delivery.drainTimeoutMs', () => {
  /** Closes the application while a request to Twilio waits for its answer. */
  async function close(drainTimeoutMs: number) {
    const t = await startApplication({ options: { delivery: { drainTimeoutMs } } });
    let answer = (): void => undefined;
    const answerAfter = new Promise<void>((resolve) => (answer = resolve));
    t.simulator.script(TO, { answerAfter, callbacks: { dropped: true } });
    const posted = once(t.simulator, 'post');
    await send(t);
    await posted;
    const begun = performance.now();
    const closed = t.app.close().then(() => performance.now() - begun);
    return { t, answer, closed };
  }

  it('ends a shutdown while a request is under way', async () => {
    const { t, answer, closed } = await close(300);
    const ms = await closed;
    expect(ms).toBeGreaterThanOrEqual(290);
    // The request itself would take up to 10 s.
    expect(ms).toBeLessThan(300 + SLACK_MS);
    answer();
    await t.stop();
  });

  it('lets a request that is under way end before', async () => {
    const { t, answer, closed } = await close(10_000);
    expect(await Promise.race([closed, sleep(700, 'open')])).toBe('open');
    answer();
    expect(await closed).toBeLessThan(700 + SLACK_MS);
    await t.stop();
  });
});
