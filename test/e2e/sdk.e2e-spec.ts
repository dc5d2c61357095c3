import { jest } from '@jest/globals';
import { TwilioGateway, TwilioSdkError } from '../../src/twilio/twilio.gateway.js';
import { startApplication } from '../support/application.js';

describe('an SDK that cannot be loaded', () => {
  it('is logged as what it is, and messages wait for it', async () => {
    const t = await startApplication();
    const errors: string[] = [];
    const ignore = () => undefined;
    t.app.useLogger({
      log: ignore,
      warn: ignore,
      error: (...texts: unknown[]) => errors.push(texts.join(' ')),
    });
    jest
      .spyOn(t.app.get(TwilioGateway, { strict: false }), 'load')
      .mockRejectedValueOnce(new TwilioSdkError(new Error("Cannot find package 'twilio'")));
    const recipients = [{ identifier: 'anand', phoneNumber: '+447700900100' }];
    const { body } = await t
      .api()
      .post('/v3/notifications')
      .send({ notification: { title: 'Hello' }, sendTo: { recipients } })
      .expect(202);
    expect(await t.settled(body.requestId, 'anand', 'seen')).toMatchObject({ attempts: 1 });
    await t.stop();
    expect(errors).toEqual([
      expect.stringMatching(
        /^Due messages could not be claimed .*SDK .*Cannot find package 'twilio'/,
      ),
    ]);
    expect(errors.join()).not.toMatch(/database/i);
  });

  it('is what the check of an instance names', async () => {
    const t = await startApplication();
    const { body: instances } = await t.api().get('/v3/provider-instances').expect(200);
    jest
      .spyOn(t.app.get(TwilioGateway, { strict: false }), 'load')
      .mockRejectedValueOnce(new TwilioSdkError(new Error("Cannot find package 'twilio'")));
    const { body } = await t.api().post(`/v3/provider-instances/${instances.items[0].id}/check`);
    expect(body).toMatchObject({
      ok: false,
      credentials: {
        ok: false,
        explanation: expect.stringContaining("Cannot find package 'twilio'"),
      },
    });
    await t.stop();
  });
});
