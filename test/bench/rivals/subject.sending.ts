import { setTimeout as delay } from 'node:timers/promises';
import { Database } from '#library/database/database.js';
import { MESSAGE_TABLE } from '#library/delivery/message.entity.js';
import { TwilioWhatsappSender } from '#library/index.js';
import { TEXT, userName } from '../fixtures.js';
import { closedLoop } from '../harness/closed-loop.js';
import { IN_FLIGHT, startContext, type SubjectSettings } from '../subject.js';
import { fillUsers } from '../table.js';
import type { Sending } from './sending.js';

const LOOK_EVERY_MS = 5;
const UNDER_WAY = ['queued', 'sending'];

/**
 * The module under test: a notification for each message, each accepted for good before it is sent, and each outcome
 * stored.
 */
export async function subject(settings: SubjectSettings): Promise<Sending> {
  const app = await startContext(settings);
  const sender = app.get(TwilioWhatsappSender, { strict: false });
  const database = app.get(Database, { strict: false });
  await fillUsers(database);
  const accept = (index: number) =>
    sender.send({
      notification: { title: TEXT },
      sendTo: { recipients: [userName(index)] },
    });
  return {
    async send(count) {
      await closedLoop(count, IN_FLIGHT, accept);
      for (const status of UNDER_WAY) {
        while (await isThere(database, status)) await delay(LOOK_EVERY_MS);
      }
    },
    close: () => app.close(),
  };
}

const isThere = async (database: Database, status: string): Promise<boolean> =>
  (await database.query(`SELECT 1 FROM ${MESSAGE_TABLE} WHERE status = ? LIMIT 1`, status)).length >
  0;
