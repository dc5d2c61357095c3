import { jest } from '@jest/globals';
import { Body, Controller, Module, Post, type CanActivate } from '@nestjs/common';
import { gzipSync } from 'node:zlib';
import {
  API_KEY,
  API_SECRET,
  PLATFORMS,
  startApplication,
  type TestApplication,
} from '../support/application.js';
import { RawRequest } from '../support/raw-http.js';

const MIB = 1024 * 1024;
const KEY = [`X-ENGAGESPOT-API-KEY: ${API_KEY}`, `X-ENGAGESPOT-API-SECRET: ${API_SECRET}`];
const JSON_TYPE = 'Content-Type: application/json';
const FORM_TYPE = 'Content-Type: application/x-www-form-urlencoded';
const CALLBACK = `/v3/callbacks/twilio_whatsapp/00000000-0000-7000-8000-000000000000`;
const TOO_DEEP = 'the body must not be nested deeper than 64 levels';
const REQUEST_TIMEOUT_MS = 1500;
const notification = (message = 'Hello') =>
  JSON.stringify({ notification: { title: 'T', message }, sendTo: { recipients: ['anand'] } });

/** A route of the host that is none of the module's, and one that begins like one. */
@Controller()
class HostController {
  @Post(['shop/notifications', 'v3/shop', 'v3/notificationsofmine'])
  take(@Body() body: unknown): { depth: number } {
    let depth = 0;
    for (let inner = body; Array.isArray(inner); inner = inner[0]) depth++;
    return { depth };
  }
}
@Module({ controllers: [HostController] })
class HostModule {}

describe.each(PLATFORMS)('bodies on %s', (platform) => {
  let t: TestApplication;
  let port: number;
  const open: RawRequest[] = [];
  const request = (path: string, headers: readonly string[], method = 'POST') => {
    const made = new RawRequest(port).head(method, path, headers);
    open.push(made);
    return made;
  };
  const post = (body: string | Uint8Array, headers: readonly string[] = [], path?: string) =>
    request(path ?? '/v3/notifications', [
      ...KEY,
      JSON_TYPE,
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...headers,
    ])
      .write(body)
      .answer();

  beforeAll(async () => {
    t = await startApplication({
      platform,
      imports: [HostModule],
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
    });
    port = Number(new URL(t.url).port);
  });
  afterEach(() => {
    for (const each of open.splice(0)) each.destroy();
  });
  afterAll(() => t.stop());

  /** Runs something and returns the lengths of all texts that were parsed meanwhile. */
  async function parsedDuring(work: () => Promise<void>): Promise<number[]> {
    const parse = jest.spyOn(JSON, 'parse');
    try {
      await work();
      return parse.mock.calls.map(([text]) => text?.length ?? 0);
    } finally {
      parse.mockRestore();
    }
  }

  it('refuses who has no key before the body has come, and hears the rest out', async () => {
    const parsed = await parsedDuring(async () => {
      const body = Buffer.alloc(8 * MIB, '[');
      const refused = request('/v3/notifications', [JSON_TYPE, `Content-Length: ${body.length}`]);
      refused.write(body.subarray(0, 1024));
      const { status, text } = await refused.answer();
      expect([status, text]).toEqual([401, expect.stringMatching(/connection: close/i)]);
      expect(text).toContain('The API key or secret is missing or wrong.');
      // A client that goes on sending gets its answer, and no reset.
      refused.write(body.subarray(1024));
      expect(await refused.closed()).toBe('in order');
    });
    expect(Math.max(0, ...parsed)).toBeLessThan(1000);
  });

  it('refuses a wrong key on every route of the API, and endless bodies too', async () => {
    for (const [method, path] of [
      ['PUT', '/v3/users/anand'],
      ['POST', '/v3/users'],
      ['POST', '/v3/provider-instances'],
      ['PATCH', '/v3/provider-instances/x'],
      ['POST', '/v3/messages/x/cancel'],
    ]) {
      const headers = ['X-ENGAGESPOT-API-KEY: wrong', JSON_TYPE, 'Transfer-Encoding: chunked'];
      const refused = request(path, headers, method).writeChunk('{"a":');
      expect([path, (await refused.answer()).status]).toEqual([path, 401]);
      if (path !== '/v3/users') continue;
      // It is not heard out for ever.
      for (let sent = 0; sent < 20; sent++) refused.writeChunk('x'.repeat(MIB));
      expect(await refused.closed()).not.toBe('in order');
    }
  });

  it('refuses a body that is too deep without parsing it', async () => {
    const parsed = await parsedDuring(async () => {
      const bodies = [
        '['.repeat(8 * MIB),
        `${'{"a":'.repeat(65)}1${'}'.repeat(65)}`,
        `{"\\"[{":"${'}'.repeat(99)}\\\\","a":${'['.repeat(64)}${']'.repeat(64)}}`,
      ];
      for (const body of bodies) {
        const { status, text } = await post(body);
        expect([status, text]).toEqual([400, expect.stringContaining(TOO_DEEP)]);
      }
    });
    expect(Math.max(0, ...parsed)).toBeLessThan(100);
    const allowed = `${notification('['.repeat(100)).slice(0, -1)},"data":{"a":${'['.repeat(62)}1${']'.repeat(62)}}}`;
    expect((await post(allowed)).status).toBe(202);
  });

  it('refuses callbacks that are too long before their body, and while an endless one comes', async () => {
    for (const [type, limit] of [
      [FORM_TYPE, 32 * 1024],
      [JSON_TYPE, 256 * 1024],
      ['Content-Type: text/plain', 32 * 1024],
    ] as const) {
      const announced = request(CALLBACK, [type, `Content-Length: ${MIB}`]);
      expect((await announced.answer()).status).toBe(413);
      announced.write(Buffer.alloc(MIB));
      expect(await announced.closed()).toBe('in order');
      if (type.endsWith('plain')) continue;

      const endless = request(CALLBACK, [type, 'Transfer-Encoding: chunked']);
      for (let sent = 0; sent <= limit; sent += 1024) endless.writeChunk('x'.repeat(1024));
      const { status, text } = await endless.answer();
      expect([status, text]).toEqual([413, expect.stringContaining(`longer than ${limit} bytes`)]);
      endless.write('0\r\n\r\n');
      expect(await endless.closed()).toBe('in order');
    }
    const complete = request(CALLBACK, [FORM_TYPE, 'Transfer-Encoding: chunked']);
    complete.writeChunk('a=b').write('0\r\n\r\n');
    expect((await complete.answer()).status).toBe(403);
  });

  it('refuses 9 MiB of a caller with a key, announced or not', async () => {
    const announced = request('/v3/notifications', [
      ...KEY,
      JSON_TYPE,
      `Content-Length: ${9 * MIB}`,
    ]);
    expect((await announced.answer()).status).toBe(413);
    const chunked = request('/v3/notifications', [...KEY, JSON_TYPE, 'Transfer-Encoding: chunked']);
    for (let sent = 0; sent <= 8; sent++) chunked.writeChunk(' '.repeat(MIB));
    expect((await chunked.answer()).status).toBe(413);
  });

  it('ends 80 connections whose bodies do not come', async () => {
    const slow = Array.from({ length: 80 }, (_, index) => {
      const [path, type, sent] = [
        [CALLBACK, FORM_TYPE, 'a'.repeat(30_000)],
        [CALLBACK, JSON_TYPE, '['.repeat(200_000)],
        ['/v3/notifications', [JSON_TYPE, ...KEY].join('\r\n'), '{"notification":'],
        ['/v3/notifications', JSON_TYPE, '['.repeat(200_000)],
      ][index % 4];
      return request(path, [type, `Content-Length: ${sent.length + 1000}`]).write(sent);
    });
    const answers = await Promise.all(
      slow.map(async (each) => {
        await each.closed();
        return (await each.answer()).status;
      }),
    );
    expect(answers).toEqual(slow.map((_, index) => (index % 4 === 3 ? 401 : 408)));
  });

  it('takes bodies that are unusual and right', async () => {
    expect((await post(`\uFEFF${notification()}`)).status).toBe(202);
    const patient = request('/v3/notifications', [
      ...KEY,
      JSON_TYPE,
      'Expect: 100-continue',
      `Content-Length: ${notification().length}`,
    ]);
    patient.write(notification());
    expect((await patient.answer()).status).toBe(202);
    const chunked = request('/v3/notifications', [...KEY, JSON_TYPE, 'Transfer-Encoding: chunked']);
    chunked.writeChunk(notification().slice(0, 20)).writeChunk(notification().slice(20));
    expect((await chunked.write('0\r\n\r\n').answer()).status).toBe(202);
    for (const length of [[], ['Content-Length: 0']]) {
      const empty = request('/v3/users/empty', [...KEY, JSON_TYPE, ...length], 'PUT');
      expect((await empty.answer()).status).toBe(200);
    }
    const large = notification('x').replace('["anand"]', JSON.stringify(people(1100)));
    expect(large.length).toBeGreaterThan(MIB);
    expect((await post(large)).status).toBe(202);
  });

  it('refuses bodies that it cannot read, each with its reason', async () => {
    const bomb = await post(gzipSync(Buffer.alloc(MIB, '[')), ['Content-Encoding: gzip']);
    expect([bomb.status, bomb.text]).toEqual([415, expect.stringContaining('Content-Encoding')]);
    const latin = await post(Buffer.from(notification('café'), 'latin1'));
    expect([latin.status, latin.text]).toEqual([400, expect.stringContaining('UTF-8')]);
    const longer = `${notification()}{"notification":`;
    const shorter = request('/v3/notifications', [...KEY, JSON_TYPE, 'Content-Length: 10']);
    expect((await shorter.write(longer).answer()).status).toBe(400);
  });

  it('leaves the other routes of the host alone', async () => {
    const deep = `${'['.repeat(100)}${']'.repeat(100)}`;
    const length = `Content-Length: ${deep.length}`;
    for (const path of ['/shop/notifications', '/v3/shop', '/v3/notificationsofmine']) {
      const { status, text } = await request(path, [JSON_TYPE, length]).write(deep).answer();
      expect([path, status, text]).toEqual([path, 201, expect.stringContaining('{"depth":100}')]);
    }
    // The framework's own limit: 100 KiB of Express, 1 MiB of Fastify.
    const many = `[${'1,'.repeat(MIB)}1]`;
    expect((await post(many, [], '/v3/shop')).status).toBe(413);
  });
});

describe.each(PLATFORMS)('guards of the host on %s', (platform) => {
  const guard: CanActivate = {
    canActivate: (context) =>
      context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-vip'] ===
      'yes',
  };
  const long = notification('x'.repeat(1000)).padEnd(2 * MIB, ' ');
  const send = async (
    checkHeaders: ((headers: Record<string, unknown>) => boolean) | undefined,
    headers: Record<string, string>,
  ) => {
    const t = await startApplication({
      platform,
      globalPrefix: 'api',
      options: { api: { guards: [guard], checkHeaders } },
    });
    try {
      const response = await fetch(`${t.url}/api/v3/notifications`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...headers },
        body: long,
      });
      return response.status;
    } finally {
      await t.stop();
    }
  };

  it('bring 1 MiB of body, and 8 MiB with a check of the headers', async () => {
    const isVip = (headers: Record<string, unknown>) => 'x-vip' in headers;
    expect(await send(undefined, { 'x-vip': 'yes' })).toBe(413);
    expect(await send(isVip, {})).toBe(401);
    expect(await send(isVip, { 'x-vip': 'no' })).toBe(403);
    expect(await send(isVip, { 'x-vip': 'yes' })).toBe(202);
  });
});

const people = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    identifier: `user-${index}`,
    name: 'x'.repeat(1000),
  }));
