import type { BackendConfig } from './backend.config.js';
import { startLines } from './start-lines.js';

describe('startLines', () => {
  it('names what is used, and no password', () => {
    const config = {
      host: '0.0.0.0',
      port: 3000,
      publicUrl: 'https://user:canary-1@notify.example.com/whatsapp',
      databaseUrl: 'postgres://user:canary-2@db.example.com:5432/notify?password=canary-3',
      whatsapp: {
        twilioApiUrl: 'https://api.twilio.com',
        provider: { TWILIO_AUTH_TOKEN: 'canary-4', TWILIO_FROM_NUMBER: '+14155238886' },
      },
    } as BackendConfig;
    const text = startLines(config).join('\n');
    expect(text).not.toContain('canary');
    expect(text).toContain('  Listens on  0.0.0.0:3000\n');
    expect(text).toContain('https://notify.example.com/whatsapp/v3');
    expect(text).toContain('postgres://db.example.com:5432/notify');
    expect(text).toContain('https://api.twilio.com, from +14155238886');
  });
});
