import { CreateEngagespotClient, EngagespotClient } from '@engagespot/node';
import {
  API_KEY,
  API_SECRET,
  OTHER_SENDER,
  PLATFORMS,
  SENDER,
  startApplication,
  type TestApplication,
} from '../support/application.js';

describe.each(PLATFORMS)('Engagespot’s own client against %s', (platform) => {
  let t: TestApplication;
  let client: ReturnType<typeof EngagespotClient>;

  beforeAll(async () => {
    t = await startApplication({ platform });
    client = EngagespotClient({ apiKey: API_KEY, apiSecret: API_SECRET, baseUrl: `${t.url}/v3` });
  });
  afterAll(() => t.stop());

  const requestOf = async (requestId: string, recipient: string) => {
    const { id } = await t.settled(requestId, recipient, 'seen');
    const { body } = await t
      .api()
      .get(`/v3/messages/${String(id)}`)
      .expect(200);
    return (body as { request: Record<string, unknown> }).request;
  };
  /** The client's types promise a text; it resolves to the whole answer. */
  const send = async (params: Parameters<typeof client.send>[0]) =>
    (await client.send(params)) as unknown as { requestId: string };
  const notification = { title: 'Title', message: 'Message', url: 'https://example.com/7' };

  it('creates and updates users', async () => {
    await client.createOrUpdateUser('user-001', { name: 'Anand', phoneNumber: '+447700900100' });
    await client.createOrUpdateUser('user-001', { city: 'Kochi' });
    await t.api().get('/v3/users/user-001').expect(200, {
      identifier: 'user-001',
      name: 'Anand',
      phoneNumber: '+447700900100',
      city: 'Kochi',
    });
  });

  it('creates a user without a profile', async () => {
    await client.createOrUpdateUser('nobody', undefined);
    await t.api().get('/v3/users/nobody').expect(200, { identifier: 'nobody' });
  });

  it('takes identifiers that are e-mail addresses', async () => {
    await client.createOrUpdateUser('steve@example.com', { phoneNumber: '+447700900111' });
    const { requestId } = await send({
      notification,
      sendTo: { recipients: ['steve@example.com'] },
    });
    await t.settled(requestId, 'steve@example.com', 'seen');
  });

  it('sends without an override', async () => {
    const { requestId } = await send({ notification, sendTo: { recipients: ['user-001'] } });
    await expect(requestOf(requestId, 'user-001')).resolves.toMatchObject({
      Body: 'Message',
      From: `whatsapp:${SENDER}`,
      To: 'whatsapp:+447700900100',
    });
  });

  it('sends with an override', async () => {
    const { requestId } = await send({
      notification,
      data: { orderId: 'T-17394' },
      sendTo: { recipients: ['user-001'] },
      override: {
        channels: ['whatsapp'],
        twilio_whatsapp: {
          _config: { TWILIO_FROM_NUMBER: OTHER_SENDER },
          Body: 'Your order T-17394 has shipped',
          MediaUrl: ['https://example.com/p/1.png'],
        },
      },
    });
    await expect(requestOf(requestId, 'user-001')).resolves.toMatchObject({
      Body: 'Your order T-17394 has shipped',
      From: `whatsapp:${OTHER_SENDER}`,
      MediaUrl: ['https://example.com/p/1.png'],
    });
  });

  it('sends to the older list of recipients', async () => {
    const { requestId } = await send({ notification, recipients: ['user-001'] });
    await t.settled(requestId, 'user-001', 'seen');
  });

  it('sends to users that come along', async () => {
    const { requestId } = await send({
      notification,
      sendTo: { recipients: [{ identifier: 'inline', phoneNumber: '+447700900112' }] },
    });
    await t.settled(requestId, 'inline', 'seen');
    await t.api().get('/v3/users/inline').expect(200);
  });

  it('is told why it is refused', async () => {
    const silent = silenceErrors();
    try {
      const stranger = new CreateEngagespotClient({
        apiKey: 'x',
        apiSecret: 'y',
        baseUrl: `${t.url}/v3`,
      });
      await expect(
        stranger.send({ notification, sendTo: { recipients: ['user-001'] } }),
      ).rejects.toMatchObject({
        response: { status: 401, data: { message: expect.any(String) } },
      });
    } finally {
      silent();
    }
  });
});

/** The client prints its errors: keep them out of the report. */
function silenceErrors(): () => void {
  const { error } = console;
  console.error = () => {};
  return () => {
    console.error = error;
  };
}
