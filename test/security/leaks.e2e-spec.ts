import type { LoggerService } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { TwilioWhatsappSender } from '../../src/index.js';
import { FAULTS, type Fate } from '../../src/simulator/index.js';
import {
  ACCOUNT_SID,
  API_KEY,
  API_SECRET,
  fictionalNumber,
  OTHER_ACCOUNT_SID,
  SENDER,
  startApplication,
  type TestApplication,
} from '../support/application.js';
import {
  BODY_FORMS,
  CANARY_BODY,
  CANARY_TOKEN,
  OTHER_CANARY_TOKEN,
  SECRET_FORMS,
  written,
} from '../support/canary.js';
import { occurrences } from '../support/dump.js';
import { eventually } from '../support/eventually.js';

const HEADERS = {
  'Content-Type': 'application/json',
  'X-ENGAGESPOT-API-KEY': API_KEY,
  'X-ENGAGESPOT-API-SECRET': API_SECRET,
};
const FATES: Fate[] = [
  {},
  ...FAULTS.map((fault): Fate => ({ faults: [fault] })),
  { refuse: 21211 },
  { refuse: 21617 },
  { statuses: ['failed'], errorCode: 63016 },
  { statuses: ['failed'], errorCode: 99999 },
];

/** Keeps all that is logged, at every level, as careless code would write it down. */
class Collector implements LoggerService {
  readonly lines: string[] = [];
  private readonly keep = (...args: unknown[]) => void this.lines.push(...args.map(written));
  log = this.keep;
  error = this.keep;
  warn = this.keep;
  debug = this.keep;
  verbose = this.keep;
  fatal = this.keep;
}

describe('nothing tells a token or a text', () => {
  let t: TestApplication;
  let sender: TwilioWhatsappSender;
  let numbers = 0;
  const logs = new Collector();
  const answers: string[] = [];
  const errors: string[] = [];

  beforeAll(async () => {
    t = await startApplication({
      options: {
        provider: {
          TWILIO_ACCOUNT_SID: ACCOUNT_SID,
          TWILIO_AUTH_TOKEN: CANARY_TOKEN,
          TWILIO_FROM_NUMBER: SENDER,
        },
        delivery: { requestTimeoutMs: 300 },
      },
      simulator: { accounts: [{ accountSid: ACCOUNT_SID, authToken: CANARY_TOKEN }] },
    });
    t.app.useLogger(logs);
    sender = t.app.get(TwilioWhatsappSender, { strict: false });
  });
  afterAll(() => t.stop());

  /** @returns the status; the answer is kept */
  async function call(method: string, path: string, body?: unknown): Promise<number> {
    const response = await fetch(`${t.url}/v3/${path}`, {
      method,
      headers: HEADERS,
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    answers.push(await response.text(), written([...response.headers]));
    return response.status;
  }

  function notification(fate: Fate = {}, override: Record<string, unknown> = {}) {
    const phoneNumber = fictionalNumber(++numbers);
    t.simulator.script(phoneNumber, fate);
    return {
      notification: { title: 'Hello', message: CANARY_BODY },
      sendTo: { recipients: [{ identifier: `user-${numbers}`, phoneNumber }] },
      override: { twilio_whatsapp: override },
    };
  }

  const keepError = async (work: () => Promise<unknown>) => {
    const error: unknown = await work().catch((failure: unknown) => failure);
    expect(error).toHaveProperty('stack');
    errors.push(written(error), String((error as Error).stack));
  };

  it('when Twilio misbehaves', async () => {
    const waiting: string[] = [];
    for (const fate of FATES) {
      const { requestId } = await sender.send(notification(fate));
      waiting.push(requestId);
    }
    const refused = {
      TWILIO_ACCOUNT_SID: OTHER_ACCOUNT_SID,
      TWILIO_AUTH_TOKEN: OTHER_CANARY_TOKEN,
    };
    waiting.push((await sender.send(notification({}, { _config: refused }))).requestId);
    for (const requestId of waiting) {
      await eventually(
        () => sender.status(requestId),
        // Back in the queue with an explanation, or as far as it gets.
        ({ counts, messages: { items } }) =>
          !counts.sending && (!counts.queued || items[0].reason !== undefined),
      );
      expect(await call('GET', `notifications/${requestId}`)).toBe(200);
    }
    expect(t.listener.events.length).toBeGreaterThan(5);
  });

  it('when the credentials of an instance are refused, or nobody is there', async () => {
    const config = {
      TWILIO_ACCOUNT_SID: OTHER_ACCOUNT_SID,
      TWILIO_AUTH_TOKEN: OTHER_CANARY_TOKEN,
      TWILIO_FROM_NUMBER: SENDER,
    };
    expect(await call('POST', 'provider-instances', { name: 'refused', config })).toBe(201);
    const { body } = await t.api().get('/v3/provider-instances');
    const { id } = (body.items as { id: string; name: string }[]).find(
      ({ name }) => name === 'refused',
    )!;
    expect(await call('POST', `provider-instances/${id}/check`)).toBe(200);
    const { requestId } = await sender.send(notification({}, { _instance: id }));
    await t.settled(requestId, `user-${numbers}`, 'queued');
    await eventually(() => logs.lines.some((line) => line.includes('refuses the credentials')));
    expect(await call('POST', 'provider-instances', { name: 'refused', config })).toBe(409);
    expect(await call('PATCH', `provider-instances/${id}`, { config })).toBe(200);
  });

  it('when the input is wrong', async () => {
    const good = notification();
    const wrong: unknown[] = [
      { ...good, notification: { message: CANARY_BODY } },
      { ...good, notification: { title: CANARY_BODY.repeat(200) } },
      { ...good, notification: { title: [CANARY_BODY] } },
      { ...good, sendTo: {} },
      { ...good, sendAt: CANARY_BODY },
      { ...good, data: CANARY_BODY },
      { ...good, override: { channels: CANARY_BODY } },
      { ...good, override: { twilio_whatsapp: CANARY_BODY } },
      ...['TWILIO_ACCOUNT_SID', 'TWILIO_FROM_NUMBER'].flatMap((key) => [
        { ...good, override: { twilio_whatsapp: { [key]: CANARY_TOKEN } } },
        { ...good, override: { twilio_whatsapp: { _config: { [key]: CANARY_TOKEN } } } },
      ]),
      {
        ...good,
        override: { twilio_whatsapp: { TWILIO_AUTH_TOKEN: `${CANARY_TOKEN} ${CANARY_TOKEN}` } },
      },
      {
        ...good,
        override: { twilio_whatsapp: { To: { x: CANARY_TOKEN }, Body: [1, CANARY_BODY] } },
      },
    ];
    for (const body of wrong) {
      expect(await call('POST', 'notifications', body)).toBe(400);
      await keepError(() => sender.send(body as never));
    }
    const config = { TWILIO_ACCOUNT_SID: CANARY_TOKEN, TWILIO_AUTH_TOKEN: `${CANARY_TOKEN} ` };
    expect(await call('POST', 'provider-instances', { name: 'x', config })).toBe(400);
    // Not JSON at all: engines quote what they could not read.
    for (const text of [CANARY_BODY, `{"a":${CANARY_TOKEN}}`, `{"a":"${CANARY_BODY}"`]) {
      expect(await call('POST', 'notifications', text)).toBe(400);
    }
  });

  it('when the database fails', async () => {
    const { requestId } = await sender.send(notification({ callbacks: { delayMs: 200 } }));
    await t.settled(requestId, `user-${numbers}`, 'sent');
    const dataSource = t.app.get(DataSource);
    const rename = (from: string, to: string) =>
      dataSource.query(`ALTER TABLE twilio_whatsapp_${from} RENAME TO twilio_whatsapp_${to}`);
    const begun = logs.lines.length;
    for (const table of ['message', 'notification', 'provider_instance']) {
      await rename(table, 'gone');
      if (table !== 'provider_instance') {
        expect(await call('POST', 'notifications', notification())).toBe(503);
        await keepError(() => sender.send(notification()));
      }
      await call('GET', `notifications/${requestId}`);
      await call('POST', 'provider-instances', {
        name: 'while-gone',
        config: {
          TWILIO_ACCOUNT_SID: OTHER_ACCOUNT_SID,
          TWILIO_AUTH_TOKEN: OTHER_CANARY_TOKEN,
          TWILIO_FROM_NUMBER: SENDER,
        },
      });
      await rename('gone', table);
    }
    expect(logs.lines.length).toBeGreaterThan(begun);
    await t.simulator.idle();
  });

  it('and so it was: in no log line, answer, event or error', async () => {
    const { body } = await t.api().get('/v3/messages?limit=200');
    const shown = [];
    for (const { id } of body.items as { id: string }[]) {
      const { body: message } = await t.api().get(`/v3/messages/${id}`);
      // The one place that shows the text, as it shows what is POSTed to Twilio.
      const { request, ...rest } = message as { request: { Body: string } };
      expect(request.Body).toBe(CANARY_BODY);
      answers.push(JSON.stringify(rest));
      shown.push(JSON.stringify(request));
    }
    expect(shown.length).toBeGreaterThanOrEqual(FATES.length);
    const events = t.listener.events.map(written);
    const all = { logs: logs.lines, answers, events, errors, shown };
    for (const [where, texts] of Object.entries(all)) {
      expect([where, texts.length > 5]).toEqual([where, true]);
      for (const form of where === 'shown' ? SECRET_FORMS : [...SECRET_FORMS, ...BODY_FORMS]) {
        const found = texts.filter((text) => occurrences(text, form) > 0);
        expect([where, form, found.slice(0, 2)]).toEqual([where, form, []]);
      }
    }
  });
});
