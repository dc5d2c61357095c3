import type { INestApplication } from '@nestjs/common';
import request from 'supertest';
import { getExpectedTwilioSignature } from 'twilio/lib/webhooks/webhooks.js';
import { DataSource } from 'typeorm';
import type { RetentionOptions } from '../../src/index.js';
import { BATCH, REDACTED } from '../../src/retention/erasure.js';
import type { Fate } from '../../src/simulator/index.js';
import {
  ACCOUNT_SID,
  API_KEY,
  API_SECRET,
  AUTH_TOKEN,
  OTHER_ACCOUNT_SID,
  OTHER_AUTH_TOKEN,
  startApplication,
  startHost,
  type TestApplication,
} from '../support/application.js';
import { DATABASES, describeOn } from '../support/databases.js';
import { filesOf, occurrences, tablesOf } from '../support/dump.js';
import { eventually } from '../support/eventually.js';

const INSTANTLY = 1e-9;
/** Must be gone in the end. */
const CANARY = 'canary-of-finished-messages';
/** Must stay. */
const LIVING = 'canary-of-living-messages';
const FINISHED: Record<string, Fate> = {
  '+12025550110': {},
  '+12025550111': { statuses: ['sent', 'delivered'] },
  '+12025550112': { statuses: ['sent', 'undelivered', 'failed'], errorCode: 63016 },
  '+12025550113': { refuse: 21211 },
};
const UNFINISHED: Record<string, Fate> = {
  '+12025550120': { faults: ['resetAfter'], callbacks: { dropped: true } },
  '+12025550121': { statuses: ['sent'], callbacks: { dropped: true } },
};
const ENDS: Record<string, string> = {
  '+12025550110': 'seen',
  '+12025550111': 'delivered',
  '+12025550112': 'discarded',
  '+12025550113': 'discarded',
  '+12025550120': 'unknown',
  '+12025550121': 'sent',
};

interface Shown {
  readonly id: string;
  readonly requestId: string;
  readonly status: string;
  readonly recipient: string;
  readonly redactedAt?: string;
  readonly request?: { readonly StatusCallback: string };
  readonly sid?: string;
}

for (const { name, url } of DATABASES) {
  describeOn(url)(`retention on ${name}`, () => {
    let t: TestApplication;
    const finished: Shown[] = [];
    const unfinished: Shown[] = [];
    let withOwnToken: Shown;

    beforeAll(async () => {
      // From the beginning, so that SQLite overwrites the users that are deleted below.
      t = await startApplication({
        database: url,
        options: { retention: { redactAfterDays: 36_500 } },
      });
      for (const [number, fate] of Object.entries(FINISHED)) {
        finished.push(await send(number, CANARY, fate, ENDS[number]));
      }
      for (const [number, fate] of Object.entries(UNFINISHED)) {
        unfinished.push(await send(number, LIVING, fate, ENDS[number]));
      }
      withOwnToken = await send('+12025550114', CANARY, {}, 'seen', {
        TWILIO_ACCOUNT_SID: OTHER_ACCOUNT_SID,
        TWILIO_AUTH_TOKEN: OTHER_AUTH_TOKEN,
      });
      finished.push(withOwnToken);
      // Its identifier is the number itself.
      finished.push(await send('+12025550115', CANARY, {}, 'seen', {}, '+12025550115'));
      // More than fit into one transaction.
      const { body: many } = await t
        .api()
        .post('/v3/notifications')
        .send(
          body(
            CANARY,
            Array.from({ length: 2 * BATCH + 1 }, (_, index) => `stranger-${index}`),
          ),
        )
        .expect(202);
      await discarded(many.requestId, 2 * BATCH + 1);
      // Nobody is to receive it.
      await t
        .api()
        .post('/v3/notifications')
        .send({ ...body(CANARY, ['nobody']), override: { channels: ['email'] } })
        .expect(202);
      // What is refused has an explanation of Twilio's, which may quote anything.
      await sql(
        `UPDATE twilio_whatsapp_message SET explanation = '${CANARY}' WHERE id = '${finished[3].id}'`,
      );
      await sql(`UPDATE twilio_whatsapp_attempt SET detail = '${CANARY}'`, finished);
      // Profiles are kept until their user is deleted.
      for (const { recipient } of [...finished, ...unfinished]) {
        await t
          .api()
          .delete(`/v3/users/${encodeURIComponent(recipient)}`)
          .expect(202);
      }
      await t.simulator.idle();
    });
    afterAll(() => t.stop());

    const body = (text: string, recipients: unknown[]) => ({
      notification: { title: text, message: text },
      data: { note: text },
      sendTo: { recipients },
    });

    async function send(
      phoneNumber: string,
      text: string,
      fate: Fate,
      status: string,
      more: object = {},
      identifier = `user-of-${ENDS[phoneNumber] ?? 'own'}-${phoneNumber.slice(-2)}`,
    ): Promise<Shown> {
      t.simulator.script(phoneNumber, fate);
      const accepted = await t
        .api()
        .post('/v3/notifications')
        .set('Idempotency-Key', `key-${phoneNumber.slice(-3)}`)
        .send({
          ...body(text, [{ identifier, phoneNumber }]),
          override: { twilio_whatsapp: { MediaUrl: [`https://example.com/${text}.png`], ...more } },
        })
        .expect(202);
      const { id } = await t.settled(
        accepted.body.requestId,
        encodeURIComponent(identifier),
        status,
      );
      const { body: detail } = await t.api().get(`/v3/messages/${String(id)}`);
      return detail as Shown;
    }

    async function discarded(requestId: string, count: number): Promise<void> {
      await eventually(
        async () => (await t.api().get(`/v3/notifications/${requestId}`)).body.counts,
        ({ discarded: found }) => found === count,
      );
    }

    async function sql(statement: string, only?: readonly Shown[]): Promise<void> {
      const dataSource = await new DataSource(t.database.options).initialize();
      const ids = only?.map(({ id }) => `'${id}'`).join();
      await dataSource.query(only ? `${statement} WHERE message_id IN (${ids})` : statement);
      await dataSource.destroy();
    }

    const api = (app: INestApplication) =>
      request
        .agent(app.getHttpServer())
        .set({ 'X-ENGAGESPOT-API-KEY': API_KEY, 'X-ENGAGESPOT-API-SECRET': API_SECRET });

    const rows = async () => JSON.stringify(await tablesOf(t.database.options));

    /** Runs what the options say on two nodes at once (SQLite has one), until a look at the API is satisfied. */
    async function until<T>(
      retention: RetentionOptions,
      look: (app: INestApplication, publicUrl: string) => Promise<T | undefined>,
    ): Promise<T> {
      const hosts = await Promise.all(
        (url === 'sqlite' ? [1] : [1, 2]).map(() =>
          startHost(t.database.options, t.simulator.url, { options: { retention } }),
        ),
      );
      try {
        for (;;) {
          const seen = await look(hosts[0].app, hosts[0].url);
          if (seen !== undefined) return seen;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      } finally {
        // In turn: Nest's testing module does not like to be closed twice at once.
        for (const { app } of hosts) await app.close();
      }
    }

    function callback(app: INestApplication, publicUrl: string, message: Shown, own = false) {
      const path = new URL(message.request!.StatusCallback).pathname;
      const form = {
        MessageSid: message.sid!,
        MessageStatus: 'failed',
        AccountSid: own ? OTHER_ACCOUNT_SID : ACCOUNT_SID,
        // A code that nobody has explained yet: the words are Twilio's.
        ErrorCode: '99999',
        ErrorMessage: `${CANARY} to +12025550110`,
      };
      return request(app.getHttpServer())
        .post(path)
        .set(
          'X-Twilio-Signature',
          getExpectedTwilioSignature(
            own ? OTHER_AUTH_TOKEN : AUTH_TOKEN,
            `${publicUrl}${path}`,
            form,
          ),
        )
        .type('form')
        .send(form);
    }

    it('sees the canaries before', async () => {
      const before = await rows();
      expect(occurrences(before, CANARY)).toBeGreaterThan(20);
      expect(occurrences(before, '+120255501')).toBeGreaterThan(8);
      if (url === 'sqlite') expect(occurrences(filesOf(t.database.options), CANARY)).not.toBe(0);
    });

    it('erases content and numbers of what is finished, and nothing else', async () => {
      const before = (await tablesOf(t.database.options)) as Record<
        string,
        Record<string, unknown>[]
      >;
      await until({ redactAfterDays: INSTANTLY }, async (app, publicUrl) => {
        const shown = await Promise.all(
          finished.map(({ id }) => api(app).get(`/v3/messages/${id}`).expect(200)),
        );
        if (!shown.every(({ body: message }) => (message as Shown).redactedAt)) return undefined;
        const left = await rows();
        // The notifications follow with the last batch.
        if (left.includes(CANARY)) return undefined;
        for (const [index, { body: message }] of shown.entries()) {
          expect(message).not.toHaveProperty('request');
          expect(message).not.toHaveProperty('to');
          expect(message).not.toHaveProperty('data');
          expect(message).not.toHaveProperty('explanation');
          const { status, sid } = finished[index];
          expect(message).toMatchObject({ status, ...(sid && { sid }) });
        }
        // What comes late changes no status downwards, and brings nothing back.
        await callback(app, publicUrl, finished[0]).expect(204);
        await callback(app, publicUrl, withOwnToken, true).expect(204);
        return left;
      });
      // Closed, so that everything is in the files.
      const after = (await tablesOf(t.database.options)) as typeof before;
      const text = JSON.stringify(after) + filesOf(t.database.options);
      expect(occurrences(text, CANARY)).toBe(0);
      for (const number of [...Object.keys(FINISHED), '+12025550114', '+12025550115']) {
        expect([number, occurrences(text, number)]).toEqual([number, 0]);
      }
      expect(occurrences(text, LIVING)).toBeGreaterThan(3);
      for (const number of Object.keys(UNFINISHED)) expect(text).toContain(number);

      const ids = new Set(unfinished.map(({ id }) => id));
      const ofUnfinished = (tables: typeof before) =>
        tables.twilio_whatsapp_message.filter(({ id }) => ids.has(String(id)));
      const { sid: _sid, ...columns } = ofUnfinished(before)[0];
      expect(ofUnfinished(after)).toHaveLength(2);
      expect(ofUnfinished(after)[0]).toMatchObject({ to_address: columns.to_address });
    });

    it('erases the number also where it is the identifier, the same for the same', async () => {
      const tables = (await tablesOf(t.database.options)) as Record<
        string,
        Record<string, unknown>[]
      >;
      const own = tables.twilio_whatsapp_message.find(({ id }) => id === finished.at(-1)!.id);
      expect(own!.recipient).toMatch(/^redacted-[\w-]{22}$/);
    });

    it('deletes what is finished for good, and answers its callbacks', async () => {
      const requestIds = new Set(unfinished.map(({ requestId }) => requestId));
      const last = await until({ purgeAfterDays: INSTANTLY }, async (app, publicUrl) => {
        const tables = (await tablesOf(t.database.options)) as Record<
          string,
          Record<string, unknown>[]
        >;
        if (tables.twilio_whatsapp_notification.length > requestIds.size) return undefined;
        for (const { id, requestId } of finished) {
          await api(app).get(`/v3/messages/${id}`).expect(404);
          await api(app).get(`/v3/notifications/${requestId}`).expect(404);
        }
        for (const { id, status } of unfinished) {
          const { body: message } = await api(app).get(`/v3/messages/${id}`).expect(200);
          expect(message).toMatchObject({ status });
        }
        const before = await tablesOf(t.database.options);
        await callback(app, publicUrl, finished[0]).expect(204);
        await callback(app, publicUrl, withOwnToken, true).expect(204);
        expect(await tablesOf(t.database.options)).toEqual(before);
        return before as typeof tables;
      });
      const kept = new Set(unfinished.map(({ id }) => id));
      expect(last.twilio_whatsapp_message.every(({ id }) => kept.has(String(id)))).toBe(true);
      for (const table of ['twilio_whatsapp_attempt', 'twilio_whatsapp_delivery_event']) {
        expect(last[table].length).toBeGreaterThan(0);
        expect(last[table].every(({ message_id }) => kept.has(String(message_id)))).toBe(true);
      }
    });
  });
}

describe('what retention keeps', () => {
  // Whoever adds a column decides what becomes of it.
  const KEPT: Record<string, string[]> = {
    twilio_whatsapp_message:
      'request_id instance_id from_address status fence attempts sender failed_attempts due_at expires_at checks not_found_count sid sid_source reason error_code created_at sent_at delivered_at seen_at discarded_at'.split(
        ' ',
      ),
    twilio_whatsapp_attempt:
      'no started_at ended_at outcome http_status error_code sid sid_source'.split(' '),
    twilio_whatsapp_delivery_event: 'sid provider_status error_code type source occurred_at'.split(
      ' ',
    ),
    twilio_whatsapp_notification: 'credentials idempotency_key created_at'.split(' '),
  };

  it('is decided for every column', async () => {
    const t = await startApplication();
    const { entityMetadatas } = t.app.get(DataSource);
    for (const [table, erased] of Object.entries(REDACTED)) {
      const { columns } = entityMetadatas.find(({ tableName }) => tableName === table)!;
      expect(columns.map(({ databaseName }) => databaseName).toSorted()).toEqual(
        [...KEPT[table], ...Object.keys(erased)].toSorted(),
      );
    }
    await t.stop();
  });
});
