import { ProviderInstances } from '../../src/providers/provider-instances.service.js';
import { TwilioWhatsappSender } from '../../src/index.js';
import {
  fictionalNumber,
  OTHER_ACCOUNT_SID,
  OTHER_AUTH_TOKEN,
  PROVIDER,
  startApplication,
  type TestApplication,
} from '../support/application.js';
import { eventually } from '../support/eventually.js';

/** How long an instance is held back at first. */
const HOLD_MS = 30_000;
const WRONG = 'not-the-auth-token-at-all';

describe('credentials that come along with a request', () => {
  let t: TestApplication;
  let sender: TwilioWhatsappSender;
  let numbers = 0;

  beforeAll(async () => {
    t = await startApplication();
    sender = t.app.get(TwilioWhatsappSender, { strict: false });
  });
  afterAll(() => t.stop());

  const send = async (twilio_whatsapp: Record<string, unknown>) => {
    const phoneNumber = fictionalNumber(++numbers);
    t.simulator.script(phoneNumber, { statuses: [] });
    const recipient = `user-${numbers}`;
    const { requestId } = await sender.send({
      notification: { title: 'Hello' },
      sendTo: { recipients: [{ identifier: recipient, phoneNumber }] },
      override: { twilio_whatsapp },
    });
    return { requestId, recipient };
  };
  const sent = async (override: Record<string, unknown>) => {
    const { requestId, recipient } = await send(override);
    return t.settled(requestId, recipient, 'sent');
  };
  const messageOf = async ({ requestId }: { requestId: string }) =>
    (await sender.status(requestId)).messages.items[0];
  /** The message once Twilio has refused its credentials. */
  const refused = async (request: { requestId: string }) => {
    return eventually(
      () => messageOf(request),
      ({ reason }) => reason === 'credentials_invalid',
    );
  };
  const other = (TWILIO_AUTH_TOKEN: string) => ({
    _config: { TWILIO_ACCOUNT_SID: OTHER_ACCOUNT_SID, TWILIO_AUTH_TOKEN },
  });
  /** An instance whose own credentials Twilio has refused. */
  const heldInstance = async (name: string) => {
    await t.app
      .get(ProviderInstances, { strict: false })
      .create({ name, config: { ...PROVIDER, TWILIO_AUTH_TOKEN: WRONG } });
    await refused(await send({ _instance: name }));
  };
  const expectHeld = async (_instance: string) => {
    const held = await send({ _instance });
    // By the time that a later one is through, this one has had its turn too.
    await sent({});
    expect(await messageOf(held)).toMatchObject({ status: 'queued', attempts: 0 });
  };

  it('and are wrong do not hold the instance back', async () => {
    const { id, dueAt } = await refused(await send(other(WRONG)));
    const { body } = await t.api().get(`/v3/messages/${id}`);
    const [{ endedAt }] = body.attemptLog as { endedAt: string }[];
    expect(Date.parse(dueAt!) - Date.parse(endedAt)).toBeLessThan(HOLD_MS);
    await sent({});
  });

  it('and are good do not lift the hold of the instance', async () => {
    await heldInstance('held-1');
    await sent({ _instance: 'held-1', ...other(OTHER_AUTH_TOKEN) });
    await expectHeld('held-1');
  });

  it('and are wrong do not lift it either', async () => {
    await heldInstance('held-2');
    await refused(await send({ _instance: 'held-2', ...other('another-wrong-auth-token') }));
    await expectHeld('held-2');
  });
});
