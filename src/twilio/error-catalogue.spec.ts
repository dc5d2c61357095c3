import { explainError } from './error-catalogue.js';

describe('explainError', () => {
  it.each([
    [63016, 'window_closed', false],
    [63024, 'not_on_whatsapp', false],
    [21211, 'phone_invalid', false],
    [21610, 'opted_out', false],
    [20429, 'rate_limited', true],
    [63018, 'rate_limited', true],
    [20500, 'twilio_unavailable', false],
  ])('knows %d: %s', (code, reason, retryable) => {
    expect(explainError(code)).toMatchObject({ reason, retryable });
  });

  it('says something about every failure', () => {
    expect(explainError(12345).explanation).toContain('12345');
    expect(explainError(undefined).explanation).not.toBe('');
    expect(explainError(12345, '  Some\n words ').explanation).toBe('Some words');
  });
});
