import {
  ACCOUNT_SID,
  AUTH_TOKEN,
  OTHER_SENDER,
  PROVIDER,
  startApplication,
  type TestApplication,
} from '../support/application.js';

const DEFAULT_RATE = 10_000;
const PAIR = {
  TWILIO_API_KEY_SID: `SK${'c'.repeat(32)}`,
  TWILIO_API_KEY_SECRET: 'not-a-real-secret-1',
};

describe('provider instances', () => {
  let t: TestApplication;
  let path: string;

  beforeAll(async () => {
    t = await startApplication();
  });
  afterAll(() => t.stop());

  beforeEach(async () => {
    const { body } = await t
      .api()
      .post('/v3/provider-instances')
      .send({ name: 'second', config: { ...PROVIDER, ...PAIR }, messagesPerSecond: 5 })
      .expect(201);
    path = `/v3/provider-instances/${body.id}`;
  });
  afterEach(() => t.api().delete(path).expect(200));

  it('go back to the default rate with messagesPerSecond: null', async () => {
    const changed = await t.api().patch(path).send({ name: 'slow' }).expect(200);
    expect(changed.body).toMatchObject({ name: 'slow', messagesPerSecond: 5 });
    const { body } = await t.api().patch(path).send({ messagesPerSecond: null }).expect(200);
    expect(body).toMatchObject({ name: 'slow', messagesPerSecond: DEFAULT_RATE });
    expect((await t.api().get(path).expect(200)).body).toEqual(body);
  });

  it('can be made with messagesPerSecond: null', async () => {
    const { body } = await t
      .api()
      .post('/v3/provider-instances')
      .send({ name: 'third', config: PROVIDER, messagesPerSecond: null })
      .expect(201);
    expect(body.messagesPerSecond).toBe(DEFAULT_RATE);
    await t.api().delete(`/v3/provider-instances/${body.id}`).expect(200);
  });

  it.each<[string, object]>([
    ['name', { name: null }],
    ['isDefault', { isDefault: null }],
    ['config', { config: null }],
    ['config', { config: [] }],
    ['config', { config: [PROVIDER] }],
    ['config', { config: 'x' }],
    ['config.TWILIO_ACCOUNT_SID', { config: { TWILIO_ACCOUNT_SID: null } }],
    ['config.TWILIO_AUTH_TOKEN', { config: { TWILIO_AUTH_TOKEN: null } }],
    ['config.TWILIO_FROM_NUMBER', { config: { TWILIO_FROM_NUMBER: null } }],
    ['config.TWILIO_API_KEY_SID', { config: { ...PAIR, TWILIO_API_KEY_SID: null } }],
    ['enabled', { enabled: false }],
    ['messagePerSecond', { messagePerSecond: 5 }],
    ['TWILIO_AUTHTOKEN', { config: { TWILIO_AUTHTOKEN: AUTH_TOKEN } }],
  ])('refuse a change of %s that means nothing: %j', async (field, change) => {
    const before = (await t.api().get(path)).body;
    const { body } = await t
      .api()
      .patch(path)
      .send({ name: 'other', ...change })
      .expect(400);
    expect(body.message).toEqual(expect.arrayContaining([expect.stringContaining(field)]));
    expect((await t.api().get(path)).body).toEqual(before);
  });

  it.each<[string, object]>([
    ['name', { name: null }],
    ['isDefault', { isDefault: null }],
    ['config', { config: null }],
    ['config', { config: [PROVIDER] }],
    ['TWILIO_API_KEY_SID', { config: { ...PROVIDER, TWILIO_API_KEY_SID: null } }],
    ['TWILIO_API_KEY_SECRET', { config: { ...PROVIDER, TWILIO_API_KEY_SECRET: null } }],
    [
      'TWILIO_API_KEY_SID',
      { config: { ...PROVIDER, TWILIO_API_KEY_SID: null, TWILIO_API_KEY_SECRET: null } },
    ],
    ['TWILIO_SECONDARY_AUTH_TOKEN', { config: { ...PROVIDER, TWILIO_SECONDARY_AUTH_TOKEN: null } }],
    ['enabled', { enabled: false }],
  ])('refuse a new instance with %s that means nothing: %j', async (field, wrong) => {
    const { body } = await t
      .api()
      .post('/v3/provider-instances')
      .send({ name: 'third', config: PROVIDER, ...wrong })
      .expect(400);
    expect(body.message).toEqual(expect.arrayContaining([expect.stringContaining(field)]));
  });

  it.each([['[]'], ['null'], ['"x"'], ['[{"name":"other"}]']])(
    'refuse a body that is no object: %s',
    async (text) => {
      const before = (await t.api().get(path)).body;
      await t.api().patch(path).set('Content-Type', 'application/json').send(text).expect(400);
      expect((await t.api().get(path)).body).toEqual(before);
    },
  );

  it('lose what null takes away, and keep what is left out', async () => {
    const change = { config: { TWILIO_API_KEY_SID: null, TWILIO_FROM_NUMBER: OTHER_SENDER } };
    const { body } = await t.api().patch(path).send(change).expect(200);
    expect(body.config).toEqual({
      TWILIO_ACCOUNT_SID: ACCOUNT_SID,
      TWILIO_AUTH_TOKEN: '••••0001',
      TWILIO_FROM_NUMBER: OTHER_SENDER,
    });
  });
});
