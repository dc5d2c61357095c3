import { jest } from '@jest/globals';
import { Database } from '../../src/database/database.js';
import { newId } from '../../src/database/time-ordered-id.js';
import { Acceptance, type NewNotification } from '../../src/delivery/acceptance.js';
import { NOBODY } from '../../src/delivery/sender-key.js';
import { startApplication, type TestApplication } from '../support/application.js';

describe('notifications that are accepted at once', () => {
  let t: TestApplication;

  beforeAll(async () => {
    t = await startApplication();
  });
  afterAll(() => t.stop());

  const notification = (recipients: number): NewNotification => ({
    id: newId(Date.now()),
    createdAt: Date.now(),
    parameters: { Body: 'Hello' },
    instanceId: newId(Date.now()),
    sender: NOBODY,
    messages: Array.from({ length: recipients }, (_, index) => ({
      id: newId(Date.now()),
      recipient: `user-${index}`,
      dueAt: Date.now() + 3_600_000,
      expiresAt: Date.now() + 7_200_000,
    })),
    users: [],
  });

  it('share a commit, but for one with many recipients', async () => {
    const acceptance = t.app.get(Acceptance, { strict: false });
    const commits = jest.spyOn(acceptance, 'store');
    const sizes = [...Array<number>(5).fill(1), 10_000, ...Array<number>(5).fill(1)];
    await Promise.all(sizes.map((size) => acceptance.commit(notification(size))));
    expect(
      commits.mock.calls.map(([together]) => together.map(({ messages }) => messages.length)),
    ).toEqual([[10_000], Array<number>(10).fill(1)]);
    const [{ count }] = await t.app
      .get(Database, { strict: false })
      .query<{ count: number }>('SELECT COUNT(*) AS count FROM twilio_whatsapp_message');
    expect(count).toBe(10_010);
  });
});
