import { TwilioWhatsappSender } from '../../src/index.js';
import { ProviderInstances } from '../../src/providers/provider-instances.service.js';
import {
  fictionalNumber,
  OTHER_SENDER,
  PROVIDER,
  startApplication,
  startHost,
  type TestApplication,
} from '../support/application.js';
import { DATABASES, describeOn } from '../support/databases.js';
import { eventually } from '../support/eventually.js';

for (const { name, url } of DATABASES) {
  describeOn(url)(`pacing on ${name}`, () => {
    let t: TestApplication;
    let sender: TwilioWhatsappSender;
    let numbers = 0;

    const start = async (delivery: object) => {
      t = await startApplication({ database: url, options: { delivery } });
      sender = t.app.get(TwilioWhatsappSender, { strict: false });
    };
    afterEach(() => t.stop());

    const recipients = (count: number) =>
      Array.from({ length: count }, () => {
        const phoneNumber = fictionalNumber(numbers++);
        t.simulator.script(phoneNumber, { statuses: [] });
        return { identifier: phoneNumber, phoneNumber };
      });
    const send = async (count: number, instance = 'default') => {
      const { requestId } = await sender.send({
        notification: { title: 'Hello' },
        sendTo: { recipients: recipients(count) },
        override: { twilio_whatsapp: { _instance: instance } },
      });
      return requestId;
    };
    const counted = (requestId: string, fits: (counts: Record<string, number>) => boolean) =>
      eventually(async () => (await sender.status(requestId)).counts, fits);
    const sent = (requestId: string, count: number) =>
      counted(requestId, (counts) => counts.sent === count);

    it('holds for all nodes together', async () => {
      await start({});
      const instances = t.app.get(ProviderInstances, { strict: false });
      const { id } = await instances.create({ name: 'slow', config: PROVIDER });
      await instances.update(id, { messagesPerSecond: 20 });
      const nodes =
        url === 'sqlite'
          ? []
          : await Promise.all([1, 2].map(() => startHost(t.database.options, t.simulator.url, {})));
      const begun = performance.now();
      await sent(await send(30, 'slow'), 30);
      // Two at once, and the other 28 in 1.4 seconds.
      expect(performance.now() - begun).toBeGreaterThanOrEqual(1390);
      expect(t.simulator.posts).toHaveLength(30);
      await Promise.all(nodes.map(({ app }) => app.close()));
    });

    it('holds for all senders of an account together', async () => {
      await start({ accountMessagesPerSecond: 20 });
      await t.app.get(ProviderInstances, { strict: false }).create({
        name: 'other',
        config: { ...PROVIDER, TWILIO_FROM_NUMBER: OTHER_SENDER },
      });
      const begun = performance.now();
      const requests = await Promise.all([send(15), send(15, 'other')]);
      await Promise.all(requests.map((requestId) => sent(requestId, 15)));
      expect(performance.now() - begun).toBeGreaterThanOrEqual(1390);
    });

    it('lets no sender wait behind the backlog of another', async () => {
      await start({ messagesPerSecond: 10 });
      const instances = t.app.get(ProviderInstances, { strict: false });
      await instances.create({
        name: 'other',
        config: { ...PROVIDER, TWILIO_FROM_NUMBER: OTHER_SENDER },
      });
      const backlog = await send(1000);
      await sent(await send(1, 'other'), 1);
      const { counts } = await sender.status(backlog);
      expect(counts.queued).toBeGreaterThan(900);
      await instances.disable((await instances.choose('default')).row.id);
    });

    it('lets no sender wait behind requests of another that hang', async () => {
      await start({ maxInFlight: 4, requestTimeoutMs: 20_000 });
      await t.app.get(ProviderInstances, { strict: false }).create({
        name: 'other',
        config: { ...PROVIDER, TWILIO_FROM_NUMBER: OTHER_SENDER },
      });
      const hanging = recipients(12);
      hanging.forEach(({ phoneNumber }) =>
        t.simulator.script(phoneNumber, { callbacks: { early: true, delayMs: 2000 } }),
      );
      const { requestId } = await sender.send({
        notification: { title: 'Hello' },
        sendTo: { recipients: hanging },
      });
      await counted(requestId, ({ sending = 0 }) => sending === 3);
      await sent(await send(1, 'other'), 1);
      expect((await sender.status(requestId)).counts).toMatchObject({ sending: 3, queued: 9 });
    });

    it('does not hold back what goes to nobody', async () => {
      await start({ messagesPerSecond: 1 });
      const { requestId } = await sender.send({
        notification: { title: 'Hello' },
        sendTo: { recipients: Array.from({ length: 600 }, (_, index) => `stranger-${index}`) },
      });
      await counted(requestId, ({ discarded }) => discarded === 600);
      expect(t.simulator.posts).toHaveLength(0);
    });
  });
}
