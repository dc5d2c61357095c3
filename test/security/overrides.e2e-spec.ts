import type { OverrideScope } from '../../src/index.js';
import { seededRandom } from '../../src/simulator/random.js';
import { TwilioTransport } from '../../src/twilio/transport.js';
import {
  ACCOUNT_SID,
  fictionalNumber,
  OTHER_ACCOUNT_SID,
  OTHER_AUTH_TOKEN,
  OTHER_SENDER,
  SENDER,
  startApplication,
  type TestApplication,
} from '../support/application.js';
import { eventually } from '../support/eventually.js';

const CREDENTIALS = { TWILIO_ACCOUNT_SID: OTHER_ACCOUNT_SID, TWILIO_AUTH_TOKEN: OTHER_AUTH_TOKEN };
const API_KEY = {
  TWILIO_API_KEY_SID: `SK${'f'.repeat(32)}`,
  TWILIO_API_KEY_SECRET: 'not-a-real-key-secret-0001',
};
const SENDER_FIELDS = {
  From: OTHER_SENDER,
  from: OTHER_SENDER,
  MessagingServiceSid: `MG${'c'.repeat(32)}`,
  messagingServiceSid: `MG${'c'.repeat(32)}`,
  TWILIO_FROM_NUMBER: OTHER_SENDER,
  _instance: 'other',
};

/** Every way to write the fields of a scope: directly, in `_config`, alone, together, and with a null beside them. */
const attempts = (fields: Record<string, string>): object[] => [
  ...Object.entries(fields).map(([key, value]) => ({ [key]: value })),
  ...Object.entries(fields)
    .filter(([key]) => key.startsWith('TWILIO_'))
    .map(([key, value]) => ({ _config: { [key]: value } })),
  fields,
  ...Object.keys(fields).map((key) => ({ ...fields, [key]: null })),
];

describe('override scopes', () => {
  let t: TestApplication;
  let numbers = 0;

  const start = async (allowOverrides: OverrideScope[]) => {
    t = await startApplication({ options: { allowOverrides } });
    await t
      .api()
      .post('/v3/provider-instances')
      .send({
        name: 'other',
        config: { ...CREDENTIALS, TWILIO_FROM_NUMBER: OTHER_SENDER },
      })
      .expect(201);
  };
  afterEach(() => t.stop());

  const send = (override: object) =>
    t
      .api()
      .post('/v3/notifications')
      .send({
        notification: { title: 'Hello' },
        sendTo: {
          recipients: [{ identifier: `user-${++numbers}`, phoneNumber: fictionalNumber(numbers) }],
        },
        override: { twilio_whatsapp: override },
      });

  it.each<[string, OverrideScope[], object[]]>([
    ['credentials', ['content', 'sender'], attempts({ ...CREDENTIALS, ...API_KEY })],
    ['sender', ['content', 'credentials'], attempts(SENDER_FIELDS)],
    ['content', [], [{ Body: 'x' }, { body: 'x' }, { MediaUrl: ['https://example.com/x.png'] }]],
  ])('keep %s off the wire', async (_scope, allowed, overrides) => {
    await start(allowed);
    for (const override of overrides) await send(override).expect(400);
    // What was let in at all went out as it would have without an override.
    const { body } = await send({}).expect(202);
    await t.settled(body.requestId, `user-${numbers}`, 'seen');
    expect(t.simulator.posts).toHaveLength(1);
    expect(t.simulator.posts[0].accountSid).toBe(ACCOUNT_SID);
    const [{ form }] = [...t.simulator.messages.values()];
    expect(form.get('From')).toBe(`whatsapp:${SENDER}`);
    expect(form.get('Body')).toBe('Hello');
    expect([...form.keys()].toSorted()).toEqual(['Body', 'From', 'StatusCallback', 'To']);
  });

  it('never send credentials elsewhere: 1,000 hostile values for region, edge and SID', async () => {
    await start(['content', 'sender', 'credentials']);
    const random = seededRandom(1);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)];
    const hostile = () =>
      `${pick(['evil.example', 'a.evil.example', '127.0.0.1:9', '[::1]', 'x@evil.example', ''])}${pick(['/', '#', '?', '\\', ':443/', '%2f', '\t', '\r\nHost: evil.example', '.', ''])}${Math.floor(random() * 1e6)}`;
    const outcomes = { refused: 0, accepted: 0 };
    for (let round = 0; round < 1000; round++) {
      const value = hostile();
      const { status } = await send(
        pick([
          { _config: { TWILIO_ACCOUNT_SID: `AC${value}`, TWILIO_AUTH_TOKEN: OTHER_AUTH_TOKEN } },
          { TWILIO_ACCOUNT_SID: `${OTHER_ACCOUNT_SID}${value}`, TWILIO_AUTH_TOKEN: 'x'.repeat(16) },
          { _config: { TWILIO_REGION: value } },
          { TWILIO_EDGE: value },
          { _edge: value },
          // Parameters of Twilio's body, if anything: they must not become part of the URL.
          { region: value, edge: value, Host: value, AccountSid: value, PathAccountSid: value },
        ]),
      );
      outcomes[status === 202 ? 'accepted' : 'refused']++;
      expect([202, 400]).toContain(status);
    }
    expect(outcomes.refused).toBeGreaterThan(600);
    // All that was accepted came to where requests go, with the credentials of the instance.
    await eventually(
      () => t.simulator.posts.length,
      (posts) => posts >= outcomes.accepted,
    );
    expect(new Set(t.simulator.posts.map(({ accountSid }) => accountSid))).toEqual(
      new Set([ACCOUNT_SID]),
    );
  });
});

describe('the transport', () => {
  it('sends to no host but Twilio’s, whatever the URL says', async () => {
    const transport = new TwilioTransport({ apiUrl: 'http://127.0.0.1:9', timeoutMs: 100 });
    const credentials = { username: ACCOUNT_SID, password: 'x'.repeat(16) };
    const hosts = [
      'evil.example',
      'api.evil.example',
      'twilio.com.evil.example',
      'eviltwilio.com',
      'api.twilio.com@evil.example',
      'api.evil.example/.twilio.com',
      'evil.example#.twilio.com',
      'evil.example?.twilio.com',
      'evil.example\\.twilio.com',
      '127.0.0.1',
      'api.twilio.com.',
    ];
    for (const host of hosts) {
      const send = async () =>
        transport.request({ method: 'post', uri: `https://${host}/x`, ...credentials } as never);
      await expect(send()).rejects.toThrow('hosts of Twilio only');
    }
    await transport.destroy();
  });
});
