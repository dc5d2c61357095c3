import {
  ConflictError,
  InvalidArgumentError,
  MessageStateError,
  NotFoundError,
  TwilioWhatsappSender,
  type MessageStatus,
  type MessageView,
} from '../../src/index.js';
import { fictionalNumber, startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

const NOWHERE = '0199b0b0-0000-7000-8000-000000000000';

describe('TwilioWhatsappSender without controllers', () => {
  let t: TestApplication;
  let whatsapp: TwilioWhatsappSender;

  beforeAll(async () => {
    t = await startApplication({ extras: { controllers: false }, options: { api: undefined } });
    whatsapp = t.app.get(TwilioWhatsappSender);
  });
  afterAll(() => t.stop());

  async function send(identifiers: string[], more: object = {}): Promise<string> {
    const recipients = identifiers.map((identifier, index) => ({
      identifier,
      phoneNumber: fictionalNumber(index),
    }));
    const notification = { notification: { title: 'Hello' }, sendTo: { recipients }, ...more };
    return (await whatsapp.send(notification)).requestId;
  }

  /** The only message of a notification, once it has this status. */
  const settled = (requestId: string, status: MessageStatus): Promise<MessageView> =>
    eventually(
      async () => (await whatsapp.status(requestId)).messages.items[0],
      (message) => message.status === status,
    );

  it('shows a notification page by page', async () => {
    const requestId = await send(['a', 'b', 'c', 'd', 'e']);
    expect((await whatsapp.status(requestId)).messages.items).toHaveLength(5);
    const pages: string[][] = [];
    let cursor: string | undefined;
    do {
      const { messages } = await whatsapp.status(requestId, { limit: 2, cursor });
      pages.push(messages.items.map(({ recipient }) => recipient));
      cursor = messages.nextCursor;
    } while (cursor !== undefined);
    expect(pages).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  });

  it('lists messages by what they are, the newest first, page by page', async () => {
    const requestId = await send(['f', 'g', 'h']);
    const first = await whatsapp.list({ requestId, limit: 2 });
    expect(first.items.map(({ recipient }) => recipient)).toEqual(['h', 'g']);
    const rest = await whatsapp.list({ requestId, limit: 2, cursor: first.nextCursor });
    expect(rest).toMatchObject({ items: [{ recipient: 'f' }] });
    expect(rest.nextCursor).toBeUndefined();
    const ofG = await whatsapp.list({ recipient: 'g' });
    expect(ofG.items.map(({ id }) => id)).toEqual([first.items[1].id]);
    expect((await whatsapp.list({ status: 'seen' })).items).toEqual([]);
    expect((await whatsapp.list({ instance: NOWHERE })).items).toEqual([]);
    expect((await whatsapp.list()).items.length).toBeGreaterThanOrEqual(3);
  });

  it('shows one message with its attempts, events and request', async () => {
    const { id } = await settled(await send(['i']), 'sent');
    expect(await whatsapp.message(id)).toMatchObject({
      id,
      status: 'sent',
      events: [{ type: 'sent', source: 'response' }],
      attemptLog: [{ no: 1, outcome: 'accepted', httpStatus: 201 }],
      request: { Body: 'Hello' },
    });
  });

  it('cancels what is not sent, and nothing else', async () => {
    const requestId = await send(['j'], { sendAt: new Date(Date.now() + 3_600_000).toISOString() });
    const { id } = await settled(requestId, 'queued');
    expect(await whatsapp.cancel(id)).toMatchObject({ status: 'discarded', reason: 'canceled' });
    await expect(whatsapp.cancel(id)).rejects.toThrow(MessageStateError);
  });

  it('resolves what is unknown, and nothing else', async () => {
    const { sid } = await settled(await send(['k']), 'sent');
    const phoneNumber = '+447700900120';
    t.simulator.script(phoneNumber, { faults: ['errorBefore'] });
    const sendTo = { recipients: [{ identifier: 'l', phoneNumber }] };
    const { id } = await settled(await send([], { sendTo }), 'unknown');
    await expect(whatsapp.resolve(id, { status: 'sent', sid })).rejects.toThrow(ConflictError);
    const explanation = 'Found in the console.';
    expect(await whatsapp.resolve(id, { status: 'discarded', explanation })).toMatchObject({
      status: 'discarded',
      explanation,
    });
    await expect(whatsapp.resolve(id, { status: 'sent' })).rejects.toThrow(MessageStateError);
  });

  it.each<[string, (id: string) => Promise<unknown>]>([
    ['status', (id) => whatsapp.status(id)],
    ['message', (id) => whatsapp.message(id)],
    ['cancel', (id) => whatsapp.cancel(id)],
    ['resolve', (id) => whatsapp.resolve(id, { status: 'discarded' })],
  ])('%s says that there is nothing by this id', async (_name, call) => {
    for (const id of [NOWHERE, 'x', '', '\0', undefined as never, { $gt: '' } as never]) {
      await expect(call(id)).rejects.toThrow(NotFoundError);
    }
  });

  it.each<[string, (input: never) => Promise<unknown>, object | null]>([
    ['limit must', (page) => whatsapp.status(NOWHERE, page), { limit: 0 }],
    ['limit must', (page) => whatsapp.status(NOWHERE, page), { limit: 201 }],
    ['cursor must', (page) => whatsapp.status(NOWHERE, page), { cursor: 'next' }],
    ['recipient', (page) => whatsapp.status(NOWHERE, page), { recipient: 'a' }],
    ['limit must', (query) => whatsapp.list(query), { limit: 1.5 }],
    ['cursor must', (query) => whatsapp.list(query), { cursor: '\0' }],
    ['status must', (query) => whatsapp.list(query), { status: 'lost' }],
    ['requestId must', (query) => whatsapp.list(query), { requestId: 'x' }],
    ['instance must', (query) => whatsapp.list(query), { instance: 'default' }],
    ['recipient must', (query) => whatsapp.list(query), { recipient: '\0' }],
    ['recipent', (query) => whatsapp.list(query), { recipent: 'a' }],
    ['an object', (query) => whatsapp.list(query), []],
    ['an object', (query) => whatsapp.list(query), null],
    ['an object', (page) => whatsapp.status(NOWHERE, page), 'next' as never],
    ['status must', (resolution) => whatsapp.resolve(NOWHERE, resolution), {}],
    ['an object', (resolution) => whatsapp.resolve(NOWHERE, resolution), null],
    ['status must', (resolution) => whatsapp.resolve(NOWHERE, resolution), { status: 'seen' }],
    [
      'sid must',
      (resolution) => whatsapp.resolve(NOWHERE, resolution),
      { status: 'sent', sid: 'x' },
    ],
    [
      'sid must',
      (resolution) => whatsapp.resolve(NOWHERE, resolution),
      { status: 'sent', sid: null },
    ],
    [
      'explanation must',
      (resolution) => whatsapp.resolve(NOWHERE, resolution),
      { status: 'sent', explanation: null },
    ],
    [
      'reason',
      (resolution) => whatsapp.resolve(NOWHERE, resolution),
      { status: 'sent', reason: 'x' },
    ],
  ])('names %s when it is wrong', async (field, call, input) => {
    const failure = await call(input as never).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InvalidArgumentError);
    expect((failure as InvalidArgumentError).problems.join()).toContain(field);
  });

  it('takes what is undefined for left out', async () => {
    const query = { requestId: undefined, status: undefined, limit: undefined, cursor: undefined };
    expect(await whatsapp.list(query)).toEqual(await whatsapp.list());
  });
});

describe('TwilioWhatsappSender beside the REST API', () => {
  it('says what the REST API says', async () => {
    const t = await startApplication();
    const whatsapp = t.app.get(TwilioWhatsappSender);
    const recipients = [{ identifier: 'a', phoneNumber: '+447700900100' }];
    const { requestId } = await whatsapp.send({
      notification: { title: 'Hello' },
      sendTo: { recipients },
      data: { order: 7 },
    });
    const { id } = await t.settled(requestId, 'a', 'seen');
    const get = async (path: string) => (await t.api().get(`/v3/${path}`).expect(200)).body;
    const asJson = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;
    expect(asJson(await whatsapp.message(String(id)))).toEqual(await get(`messages/${String(id)}`));
    expect(asJson(await whatsapp.list({ limit: 1 }))).toEqual(await get('messages?limit=1'));
    expect(asJson(await whatsapp.status(requestId))).toEqual(
      await get(`notifications/${requestId}`),
    );
    await t.stop();
  });
});
