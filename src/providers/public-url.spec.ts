import {
  canTwilioCall,
  publicUrlProblem,
  publicUrlWarning,
  withoutPassword,
  withoutUserInfo,
} from './public-url.js';

const SIMULATOR = 'http://127.0.0.1:4010';

describe('canTwilioCall', () => {
  it.each([
    'http://localhost:3000',
    'http://LOCALHOST:3000',
    'https://localhost.',
    'https://app.localhost',
    'http://127.0.0.1:3000',
    'http://127.1',
    'http://2130706433',
    'http://0x7f.1',
    'http://0.0.0.0:3000',
    'http://[::1]:3000',
    'http://[::]:3000',
    'http://[::ffff:10.0.0.1]',
    'http://10.1.2.3',
    'http://172.16.0.1',
    'http://172.31.255.255',
    'http://192.168.1.10:8080/app',
    'https://user:secret@192.168.1.10',
    'http://169.254.1.1',
    'http://100.64.0.1',
    'http://[fd00::1]',
    'http://[fe80::1]',
    'http://backend:3000',
    'https://nas.local',
    'https://api.svc.cluster.internal',
    'https://router.home.arpa',
  ])('says no of %s, unless Twilio is a simulator', (publicUrl) => {
    expect(canTwilioCall({ publicUrl })).toBe(false);
    expect(canTwilioCall({ publicUrl, twilioApiUrl: 'https://api.twilio.com' })).toBe(false);
    expect(canTwilioCall({ publicUrl, twilioApiUrl: 'https://api.dublin.ie1.twilio.com' })).toBe(
      false,
    );
    expect(canTwilioCall({ publicUrl, twilioApiUrl: SIMULATOR })).toBe(true);
    expect(publicUrlWarning({ publicUrl })).toMatch(/tunnel.*PUBLIC_URL/);
    expect(publicUrlWarning({ publicUrl, twilioApiUrl: SIMULATOR })).toBeUndefined();
  });

  it.each([
    'https://notify.example.com',
    'https://user:secret@notify.example.com/app',
    'https://abc-12-34.ngrok-free.app',
    'https://8.8.8.8',
    'https://172.32.0.1',
    'https://11.0.0.1',
    'https://[2606:4700::1111]',
    'https://localhost.example.com',
  ])('says yes of %s', (publicUrl) => {
    expect(canTwilioCall({ publicUrl })).toBe(true);
    expect(publicUrlWarning({ publicUrl })).toBeUndefined();
  });
});

describe('publicUrlWarning', () => {
  it.each(['http://notify.example.com', 'http://user:secret@8.8.8.8:8080'])(
    'asks for https instead of %s, and tells no password',
    (publicUrl) => {
      expect(canTwilioCall({ publicUrl })).toBe(true);
      expect(publicUrlWarning({ publicUrl })).toMatch(/not encrypted.*https/);
      expect(publicUrlWarning({ publicUrl })).not.toContain('secret');
    },
  );
});

describe('publicUrlProblem', () => {
  it('is the underscore that Twilio takes in no host name', () => {
    const publicUrl = 'https://my_app.example.com';
    expect(publicUrlProblem('PUBLIC_URL', { publicUrl })).toMatch(
      /^PUBLIC_URL .*underscore.*21609/,
    );
    expect(publicUrlProblem('PUBLIC_URL', { publicUrl, twilioApiUrl: SIMULATOR })).toBeUndefined();
  });

  it.each(['https://my_user:my_secret@notify.example.com/my_app', 'https://notify.example.com'])(
    'is nothing in %s',
    (publicUrl) => {
      expect(publicUrlProblem('publicUrl', { publicUrl })).toBeUndefined();
    },
  );
});

describe('user info', () => {
  it.each([
    ['https://user:secret@host/a@b', 'https://host/a@b', 'https://user:••••@host/a@b'],
    ['https://user:p@ss:word@host', 'https://host', 'https://user:••••@host'],
    ['https://key@host/a', 'https://host/a', 'https://••••@host/a'],
    ['https://host:8443/a:b@c', 'https://host:8443/a:b@c', 'https://host:8443/a:b@c'],
  ])('of %s is taken away, or its password', (url, signed, shown) => {
    expect(withoutUserInfo(url)).toBe(signed);
    expect(withoutPassword(url)).toBe(shown);
  });
});
