import fc from 'fast-check';
import { validate } from '../validation/validate.js';
import { MAX_TEXT, SendNotificationDto } from './dto/send-notification.dto.js';
import { isPlain, parseNotification } from './notification-request.js';

const GOOD = { notification: { title: 'Hello' }, sendTo: { recipients: ['anand'] } };

describe('parseNotification', () => {
  it('takes null for absent, where something may be absent', () => {
    const absent = { sendAt: null, data: null, override: null, category: null, recipients: null };
    expect(parseNotification({ ...GOOD, ...absent }, [])).toMatchObject({
      sendAt: undefined,
      recipients: [{ identifier: 'anand' }],
    });
  });

  it.each(['__proto__', 'constructor', 'prototype'])('refuses the key %s by its name', (key) => {
    const notification: unknown = JSON.parse(`{"title":"Hello","inner":[{"${key}":{}}]}`);
    expect(() => parseNotification({ ...GOOD, notification }, [])).toThrow(
      expect.objectContaining({ problems: [`there must be no key "${key}" here: remove it`] }),
    );
  });
});

describe('sendAt', () => {
  // Without a category the fast path decides, with one the decorators.
  const ways = [{}, { category: 'x' }];

  it.each([
    ['2030-01-31T24:00:00Z', Date.UTC(2030, 1, 1)],
    ['2030-01-31T24:00Z', Date.UTC(2030, 1, 1)],
    ['9999-12-31T23:59:59.999Z', Date.UTC(10_000, 0) - 1],
  ])('is right on each way in: %s', (sendAt, expected) => {
    for (const way of ways) {
      expect(parseNotification({ ...GOOD, ...way, sendAt }, []).sendAt).toBe(expected);
    }
  });

  it.each([
    '+010000-01-01T00:00:00Z',
    '10000-01-01T00:00:00Z',
    '9999-12-31T23:59:59-01:00',
    '9999-12-31T24:00:00Z',
    '2030-01-31T23:59:60Z',
    '',
    1,
  ])('is refused on each way in, with the cause and the fix: %s', (sendAt) => {
    for (const way of ways) {
      expect(() => parseNotification({ ...GOOD, ...way, sendAt }, [])).toThrow(
        expect.objectContaining({
          problems: [
            'sendAt must be an instant with its offset in ISO 8601, before the year 10000, such as 2030-01-31T09:30:00Z',
          ],
        }),
      );
    }
  });
});

describe('isPlain', () => {
  const text = fc.oneof(
    { weight: 4, arbitrary: fc.string({ minLength: 1 }) },
    fc.constantFrom('x'.repeat(MAX_TEXT), 'x'.repeat(MAX_TEXT + 1), '\u{1F600}'.repeat(MAX_TEXT)),
    fc.constantFrom<unknown>(undefined, null, 1, [], {}),
  );
  const sendAt = fc.oneof(
    fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
    fc.constantFrom(
      '2030-02-31T00:00:00Z',
      '2030-01-31T24:00:00Z',
      '2030-01-31T09:30:00Z',
      '9999-12-31T23:59:59-01:00',
      '',
    ),
    fc.stringMatching(/^20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-6]\d:[0-6]\d(\.\d\d\d)?Z$/),
    fc.constant(undefined),
  );
  const inner = fc.constantFrom<unknown>(undefined, null, {}, { key: 1 }, [], 'text');
  const keys = ['title', 'message', 'url', 'sendAt', 'topics', 'recipients', 'templateId', 'other'];
  const more = fc.option(fc.dictionary(fc.constantFrom(...keys), text, { maxKeys: 1 }), {
    nil: {},
  });
  const body = fc
    .record({
      notification: fc.record({ title: text, message: text }, { requiredKeys: [] }),
      inNotification: more,
      sendTo: fc.option(more, { nil: undefined }),
      data: inner,
      override: inner,
      sendAt,
      more,
    })
    .map(({ notification, inNotification, more: rest, ...others }) => ({
      notification: { ...notification, ...inNotification },
      ...others,
      ...rest,
    }));

  it('finds nothing plain that the decorators would refuse', () => {
    let plain = 0;
    fc.assert(
      fc.property(body, (given) => {
        if (!isPlain(given as object)) return true;
        plain++;
        return validate(SendNotificationDto, given).problems.length === 0;
      }),
      { numRuns: 5000 },
    );
    expect(plain).toBeGreaterThan(20);
  });

  it('finds plain what is usual', () => {
    expect(isPlain(GOOD)).toBe(true);
    expect(isPlain({ ...GOOD, data: { order: 1 }, override: { twilio_whatsapp: {} } })).toBe(true);
  });
});
