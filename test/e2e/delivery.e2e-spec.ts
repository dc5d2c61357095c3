import { startApplication, type TestApplication } from '../support/application.js';
import { DATABASES, describeOn } from '../support/databases.js';

for (const { name, url } of DATABASES) {
  describeOn(url)(`delivery on ${name}`, () => {
    let t: TestApplication;

    beforeAll(async () => {
      t = await startApplication({ database: url });
    });
    afterAll(() => t.stop());

    it('carries a notification to seen', async () => {
      await t.api().put('/v3/users/anand').send({ phoneNumber: '+447700900100' }).expect(200);
      const { body } = await t
        .api()
        .post('/v3/notifications')
        .send({ notification: { title: 'Hello' }, sendTo: { recipients: ['anand'] } })
        .expect(202);
      await t.listener.waitFor(
        ({ type, requestId }) => type === 'seen' && requestId === body.requestId,
      );
      const message = await t.settled(body.requestId, 'anand', 'seen');
      expect(message).toMatchObject({ to: '+447700900100', attempts: 1 });
      expect(t.listener.events.map(({ type }) => type)).toEqual(['sent', 'delivered', 'seen']);
    });
  });
}
