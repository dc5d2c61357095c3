import { startApplication, type TestApplication } from '../support/application.js';

const SENT = { notification: { title: 'Hello' }, sendTo: { recipients: ['nobody'] } };
const ID = '01a215a6-918d-7000-92ee-a48b2057f968';

describe('a field that is unknown', () => {
  let t: TestApplication;

  beforeAll(async () => {
    t = await startApplication();
  });
  afterAll(() => t.stop());

  it.each<['post' | 'get' | 'patch', string, object, string]>([
    [
      'post',
      'notifications',
      { ...SENT, notification: { tite: 'Hi', title: 'x' } },
      'notification.tite is unknown. Did you mean title?',
    ],
    ['post', 'notifications', { ...SENT, sendto: {} }, 'sendto is unknown. Did you mean sendTo?'],
    [
      'post',
      'notifications',
      { ...SENT, sendTo: { recipients: ['a'], recipient: [] } },
      'sendTo.recipient is unknown. Did you mean recipients?',
    ],
    ['post', 'notifications', { ...SENT, colour: 'red' }, 'colour is unknown. Remove it.'],
    [
      'post',
      'notifications',
      { ...SENT, override: { twilio_whatsap: {} } },
      'override.twilio_whatsap is unknown. Did you mean twilio_whatsapp?',
    ],
    [
      'post',
      'notifications',
      { ...SENT, override: { channel: [] } },
      'override.channel is unknown. Did you mean channels?',
    ],
    [
      'post',
      'notifications',
      { ...SENT, override: { twilio_whatsapp: { _confg: {} } } },
      'override.twilio_whatsapp._confg is unknown. Did you mean _config?',
    ],
    [
      'post',
      'notifications',
      { ...SENT, override: { twilio_whatsapp: { TWILIO_FORM_NUMBER: 'x' } } },
      'override.twilio_whatsapp.TWILIO_FORM_NUMBER is unknown. Did you mean TWILIO_FROM_NUMBER?',
    ],
    [
      'post',
      'notifications',
      { ...SENT, override: { twilio_whatsapp: { _config: { TWILIO_AUTHTOKEN: 'x' } } } },
      'override.twilio_whatsapp._config.TWILIO_AUTHTOKEN is unknown. Did you mean TWILIO_AUTH_TOKEN?',
    ],
    ['post', 'users', { identifier: 'a', profil: {} }, 'profil is unknown. Did you mean profile?'],
    [
      'post',
      'provider-instances',
      { name: 'a', config: { TWILIO_AUTHTOKEN: 'x' } },
      'config.TWILIO_AUTHTOKEN is unknown. Did you mean TWILIO_AUTH_TOKEN?',
    ],
    [
      'patch',
      `provider-instances/${ID}`,
      { messagePerSecond: 1 },
      'messagePerSecond is unknown. Did you mean messagesPerSecond?',
    ],
    [
      'post',
      `messages/${ID}/resolve`,
      { status: 'sent', explanaton: 'x' },
      'explanaton is unknown. Did you mean explanation?',
    ],
    ['get', 'messages?limt=2', {}, 'limt is unknown. Did you mean limit?'],
    ['get', 'messages?colour=2', {}, 'colour is unknown. Remove it.'],
    ['get', `notifications/${ID}?curser=2`, {}, 'curser is unknown. Did you mean cursor?'],
    ['get', 'users?Limit=2', {}, 'Limit is unknown. Did you mean limit?'],
  ])('of %s %s is named, with what was meant: %j', async (method, path, body, message) => {
    const { body: answer } = await t.api()[method](`/v3/${path}`).send(body).expect(400);
    expect(answer.message).toContain(message);
  });

  it('is named fifty times at most', async () => {
    const many = (prefix: string) =>
      Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`${prefix}${at}`, 1]));
    for (const body of [
      { ...SENT, ...many('sendT') },
      { ...SENT, override: { twilio_whatsapp: many('_conf') } },
      { ...SENT, override: { twilio_whatsapp: { _config: many('TWILIO_AUTH_TOKE') } } },
      { ...SENT, override: many('twilio_whatsa') },
    ]) {
      const { body: answer } = await t.api().post('/v3/notifications').send(body);
      expect(answer.message?.length ?? 0).toBeLessThanOrEqual(60);
    }
    const { body: answer } = await t.api().post('/v3/users').send(many('profil')).expect(400);
    expect(answer.message.length).toBeLessThanOrEqual(60);
  });

  it('is left alone where others have their say', async () => {
    await t
      .api()
      .post('/v3/notifications')
      .send({
        ...SENT,
        override: { sendgrid_email: {}, twilio: {}, twilio_whatsapp: { BodyText: 'x' } },
      })
      .expect(202);
    await t.api().put('/v3/users/free').send({ tite: 'Dr', phoneNumbr: 'x' }).expect(200);
  });
});
