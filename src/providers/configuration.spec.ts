import { changeConfiguration, credentialsOf } from './configuration.js';

const before = {
  TWILIO_ACCOUNT_SID: `AC${'a'.repeat(32)}`,
  TWILIO_AUTH_TOKEN: 'not-a-real-auth-token-0001',
  TWILIO_FROM_NUMBER: '+14155238886',
};
const key = {
  TWILIO_API_KEY_SID: `SK${'c'.repeat(32)}`,
  TWILIO_API_KEY_SECRET: 'not-a-real-api-key-secret',
};
const NEW_TOKEN = 'not-a-real-auth-token-0002';
const OTHER_ACCOUNT = `AC${'b'.repeat(32)}`;

describe('changeConfiguration', () => {
  it('leaves what it is not told to change', () => {
    expect(
      changeConfiguration({ ...before, ...key }, { TWILIO_FROM_NUMBER: '+14155238887' }),
    ).toEqual({ ...before, ...key, TWILIO_FROM_NUMBER: '+14155238887' });
    expect(changeConfiguration(before, before)).toEqual(before);
  });

  it('keeps the token that is replaced as the secondary one', () => {
    const rotated = changeConfiguration(before, { TWILIO_AUTH_TOKEN: NEW_TOKEN });
    expect(rotated).toEqual({
      ...before,
      TWILIO_AUTH_TOKEN: NEW_TOKEN,
      TWILIO_SECONDARY_AUTH_TOKEN: before.TWILIO_AUTH_TOKEN,
    });
    expect(changeConfiguration(rotated, { TWILIO_AUTH_TOKEN: NEW_TOKEN })).toEqual(rotated);
  });

  it('swaps the two when the token that was announced is promoted', () => {
    const announced = changeConfiguration(before, { TWILIO_SECONDARY_AUTH_TOKEN: NEW_TOKEN });
    expect(announced).toEqual({ ...before, TWILIO_SECONDARY_AUTH_TOKEN: NEW_TOKEN });
    expect(changeConfiguration(announced, { TWILIO_AUTH_TOKEN: NEW_TOKEN })).toEqual({
      ...before,
      TWILIO_AUTH_TOKEN: NEW_TOKEN,
      TWILIO_SECONDARY_AUTH_TOKEN: before.TWILIO_AUTH_TOKEN,
    });
  });

  it('drops the secondary token when it is told to, also while it replaces the primary one', () => {
    const rotated = changeConfiguration(before, { TWILIO_AUTH_TOKEN: NEW_TOKEN });
    expect(changeConfiguration(rotated, { TWILIO_SECONDARY_AUTH_TOKEN: null })).toEqual({
      ...before,
      TWILIO_AUTH_TOKEN: NEW_TOKEN,
    });
    const leaked = { TWILIO_AUTH_TOKEN: NEW_TOKEN, TWILIO_SECONDARY_AUTH_TOKEN: null };
    expect(changeConfiguration(before, leaked)).not.toHaveProperty('TWILIO_SECONDARY_AUTH_TOKEN');
  });

  it('takes the API key away, or gives another', () => {
    expect(changeConfiguration({ ...before, ...key }, { TWILIO_API_KEY_SID: null })).toEqual(
      before,
    );
    expect(changeConfiguration(before, key)).toEqual({ ...before, ...key });
  });

  it('takes what belonged to the account along with it', () => {
    const full = {
      ...before,
      ...key,
      TWILIO_SECONDARY_AUTH_TOKEN: NEW_TOKEN,
      TWILIO_SHARED_KEY: 'not-a-real-shared-key-0001',
    };
    const change = { TWILIO_ACCOUNT_SID: OTHER_ACCOUNT, TWILIO_AUTH_TOKEN: NEW_TOKEN };
    expect(changeConfiguration(full, change)).toEqual({ ...before, ...change });
    expect(changeConfiguration(full, { ...change, ...key })).toMatchObject(key);
  });
});

describe('credentialsOf', () => {
  it('has an API key when there is one', () => {
    const account = {
      accountSid: before.TWILIO_ACCOUNT_SID,
      authToken: before.TWILIO_AUTH_TOKEN,
    };
    expect(credentialsOf(before)).toEqual(account);
    expect(credentialsOf({ ...before, ...key })).toEqual({
      ...account,
      apiKey: { sid: key.TWILIO_API_KEY_SID, secret: key.TWILIO_API_KEY_SECRET },
    });
  });
});
