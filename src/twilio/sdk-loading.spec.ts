import { jest } from '@jest/globals';
import { resolveOptions } from '../twilio-whatsapp.resolve-options.js';
import { TwilioGateway, TwilioSdkError } from './twilio.gateway.js';

const OPTIONS = resolveOptions(
  {
    publicUrl: 'https://notify.example.com',
    encryptionKeys: [Buffer.alloc(32).toString('base64')],
  },
  { controllers: false },
);

describe('TwilioGateway without its SDK', () => {
  it('says why the SDK cannot be loaded, and what to do', async () => {
    jest.unstable_mockModule('twilio', () => {
      throw new Error("Cannot find package 'twilio'");
    });
    const failure = await new TwilioGateway(OPTIONS).load().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TwilioSdkError);
    expect(String(failure)).toMatch(
      /SDK could not be loaded: Cannot find package 'twilio'\. Install/,
    );
  });
});
