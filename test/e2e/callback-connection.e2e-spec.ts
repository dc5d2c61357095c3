import { PLATFORMS, startApplication, type TestApplication } from '../support/application.js';
import { CallbackClient, fields, sign } from '../support/callback-forms.js';

const FRAGMENT = '#ct=3000&rc=5&rp=5xx,ct,rt';

describe.each(PLATFORMS)('the connection of callbacks on %s', (platform) => {
  let t: TestApplication;
  let twilio: CallbackClient;

  const start = async (callbackConnection?: string) => {
    t = await startApplication({ platform, options: { callbackConnection } });
    twilio = new CallbackClient(t);
  };
  afterEach(() => t.stop());

  it('is appended to the URL of every attempt, and signed or not', async () => {
    await start(FRAGMENT.slice(1));
    const { id, url, sid } = await twilio.sentMessage();
    expect(url.endsWith(FRAGMENT)).toBe(true);
    const [bare] = url.split('#');
    const delivered = fields(sid, 'delivered');
    await twilio.post(url, delivered, sign(bare, delivered)).expect(204);
    const read = fields(sid, 'read');
    await twilio.post(url, read, sign(url, read)).expect(204);
    const other = `${bare}#rc=1`;
    await twilio.post(url, fields(sid, 'sent'), sign(other, fields(sid, 'sent'))).expect(403);
    expect((await twilio.detail(id)).status).toBe('seen');
  });

  it('brings the callbacks of the simulator home', async () => {
    await start(FRAGMENT.slice(1));
    const { body } = await t
      .api()
      .post('/v3/notifications')
      .send({
        notification: { title: 'x' },
        sendTo: { recipients: [{ identifier: 'reader', phoneNumber: '+447700900160' }] },
      });
    await t.settled(body.requestId, 'reader', 'seen');
  });

  it('is left alone without the option', async () => {
    await start();
    const { url, sid } = await twilio.sentMessage();
    expect(url).not.toContain('#');
    const read = fields(sid, 'read');
    await twilio.post(url, read, sign(url + FRAGMENT, read)).expect(403);
    await twilio.post(url, read).expect(204);
  });
});
