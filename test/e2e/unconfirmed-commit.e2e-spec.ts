import type { DataSourceOptions } from 'typeorm';
import { Dispatcher } from '../../src/delivery/dispatcher.js';
import { TwilioWhatsappSender } from '../../src/index.js';
import { fictionalNumber, startApplication, startHost } from '../support/application.js';
import { DATABASES, describeOn } from '../support/databases.js';
import { TcpProxy } from '../support/tcp-proxy.js';

// SQLite commits within the process: nothing can get lost on the way.
for (const { name, url } of DATABASES.slice(1)) {
  describeOn(url)(`a commit on ${name} that comes about unconfirmed`, () => {
    it('leaves no message of the claim behind, and sends each once', async () => {
      const t = await startApplication({ database: url });
      const proxy = await new TcpProxy(new URL(t.database.url)).start();
      const through = (options: DataSourceOptions): DataSourceOptions =>
        ({ ...options, url: proxy.url }) as DataSourceOptions;
      let worker: Awaited<ReturnType<typeof startHost>> | undefined;
      try {
        // One node accepts; the commits of the other are those of its claims.
        t.app.get(Dispatcher, { strict: false }).onModuleDestroy();
        worker = await startHost(t.database.options, t.simulator.url, {
          dataSource: through,
          options: { publicUrl: t.url },
        });
        const lost = proxy.loseNextCommit('INSERT INTO twilio_whatsapp_attempt');
        const recipients = [11, 12, 13].map((index) => ({
          identifier: `user-${index}`,
          phoneNumber: fictionalNumber(index),
        }));
        const { requestId } = await t.app
          .get(TwilioWhatsappSender, { strict: false })
          .send({ notification: { title: 'Hello' }, sendTo: { recipients } });
        await lost;

        for (const { identifier } of recipients) {
          const { id } = await t.settled(requestId, identifier, 'seen');
          const { body } = await t.api().get(`/v3/messages/${String(id)}`);
          expect(body.attemptLog).toMatchObject([
            { no: 1, outcome: 'notSent' },
            { no: 2, outcome: 'accepted' },
          ]);
        }
        expect(t.simulator.posts.map(({ to }) => to).toSorted()).toEqual(
          recipients.map(({ phoneNumber }) => `whatsapp:${phoneNumber}`),
        );
      } finally {
        await worker?.app.close();
        await proxy.cut();
        await t.stop();
      }
    });
  });
}
