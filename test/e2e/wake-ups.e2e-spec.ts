import { freePort } from '../../src/app/demo/free-port.js';
import { Dispatcher } from '../../src/delivery/dispatcher.js';
import { TwilioWhatsappSender } from '../../src/index.js';
import { fictionalNumber, startApplication, startHost } from '../support/application.js';
import { describeOn } from '../support/databases.js';

const { TEST_POSTGRES_URL, TEST_REDIS_URL } = process.env;
/** Far longer than a test may take: whoever sends was woken. */
const NEVER = 60_000;

describe('wake-ups through Redis', () => {
  it('are not needed: without Redis everything is sent', async () => {
    const redis = `redis://127.0.0.1:${await freePort()}`;
    const t = await startApplication({ options: { redis } });
    const { requestId } = await t.app.get(TwilioWhatsappSender, { strict: false }).send({
      notification: { title: 'Hello' },
      sendTo: { recipients: [{ identifier: 'user', phoneNumber: fictionalNumber(50) }] },
    });
    await t.settled(requestId, 'user', 'seen');
    await t.stop();
  });
});

describeOn(TEST_POSTGRES_URL && TEST_REDIS_URL)('wake-ups through Redis on PostgreSQL', () => {
  it('make another node send what one has accepted', async () => {
    const options = { redis: TEST_REDIS_URL, delivery: { pollIntervalMs: NEVER } };
    const t = await startApplication({ database: TEST_POSTGRES_URL, options });
    const other = await startHost(t.database.options, t.simulator.url, { options });
    // This one accepts, and sends nothing any more.
    t.app.get(Dispatcher, { strict: false }).onModuleDestroy();
    const { requestId } = await t.app.get(TwilioWhatsappSender, { strict: false }).send({
      notification: { title: 'Hello' },
      sendTo: { recipients: [{ identifier: 'user', phoneNumber: fictionalNumber(50) }] },
    });
    await t.settled(requestId, 'user', 'seen');
    await other.app.close();
    await t.stop();
  });
});
