import { outcomeOf, outcomeOfFailure, retryAfterMs } from './outcome.js';
import { TransportError } from './twilio-response.js';

const SID = `SM${'1'.repeat(32)}`;
const answer = (statusCode: number, body: unknown, headers = {}) =>
  outcomeOf({ statusCode, headers, body: typeof body === 'string' ? body : JSON.stringify(body) });

describe('outcomeOf', () => {
  it('accepts a SID', () => {
    expect(answer(201, { sid: SID, status: 'queued' })).toEqual({
      kind: 'accepted',
      sid: SID,
      providerStatus: 'queued',
      httpStatus: 201,
    });
    expect(answer(201, { sid: `MM${'1'.repeat(32)}` }).kind).toBe('accepted');
  });

  it.each([
    ['a success without SID', 201, {}],
    ['a SID of something else', 201, { sid: `CA${'1'.repeat(32)}` }],
    ['a broken answer', 201, '{"sid": "SM'],
    ['an empty answer', 200, ''],
    ['JSON null', 201, 'null'],
    ['an internal error', 500, { code: 20500, message: 'x' }],
    ['unavailability', 503, { code: 20503, message: 'x' }],
    ['a page of a proxy', 502, '<html>Bad gateway</html>'],
    ['a time-out of a proxy', 408, { code: 1 }],
    ['a redirect', 302, ''],
    ['a refusal that is not Twilio’s', 403, '<html>Forbidden</html>'],
  ])('holds %s for ambiguous', (_case, status, body) => {
    expect(answer(status, body)).toMatchObject({ kind: 'ambiguous', httpStatus: status });
  });

  it.each([
    [400, 21211, 'phone_invalid'],
    [400, 63007, 'sender_invalid'],
    [400, 99999, 'twilio_error'],
  ])('takes HTTP %d with code %d for a refusal: %s', (status, code, reason) => {
    const outcome = answer(status, { code, message: 'Twilio says no.', status });
    expect(outcome).toMatchObject({
      kind: 'rejected',
      reason,
      errorCode: code,
      httpStatus: status,
    });
    expect(outcome).toHaveProperty('explanation', expect.stringMatching(/\S/));
  });

  it('does not give up for credentials that can be corrected', () => {
    expect(answer(401, { code: 20003, message: 'Authenticate' })).toMatchObject({
      kind: 'notSent',
      reason: 'credentials_invalid',
      errorCode: 20003,
    });
  });

  it('takes a code beyond all bounds for a refusal without a code', () => {
    expect(answer(400, { code: 1e13, message: 'No.' })).toMatchObject({
      kind: 'rejected',
      reason: 'twilio_error',
      explanation: 'No.',
      errorCode: undefined,
    });
  });

  it.each([
    ['too many requests', 429, { code: 20429 }],
    ['too many requests, without a body', 429, ''],
    ['a full queue', 400, { code: 21611 }],
    ["the channel's limit", 400, { code: 63018 }],
  ])('tries again after %s', (_case, status, body) => {
    expect(answer(status, body, { 'retry-after': '2' })).toMatchObject({
      kind: 'notSent',
      reason: 'rate_limited',
      retryAfterMs: 2000,
    });
  });
});

describe('outcomeOfFailure', () => {
  it('is not sent exactly when nothing reached the wire', () => {
    expect(outcomeOfFailure(new TransportError(false, 'ECONNREFUSED')).kind).toBe('notSent');
    expect(outcomeOfFailure(new TransportError(true, 'ECONNRESET')).kind).toBe('ambiguous');
    expect(outcomeOfFailure(new Error('anything')).kind).toBe('ambiguous');
  });
});

describe('retryAfterMs', () => {
  const NOW = Date.parse('2026-01-01T00:00:00Z');
  it.each([
    ['seconds', '3', 3000],
    ['a date', 'Thu, 01 Jan 2026 00:00:05 GMT', 5000],
    ['a date that is past', 'Wed, 31 Dec 2025 00:00:00 GMT', undefined],
    ['an absurd time', '99999999', 3_600_000],
    ['words', 'soon', undefined],
    ['nothing', undefined, undefined],
  ])('reads %s', (_case, header, expected) => {
    expect(retryAfterMs(header, NOW)).toBe(expected);
  });
});
