import { parseNotification } from './notification-request.js';

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
