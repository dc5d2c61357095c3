import { seededRandom } from '../../../src/simulator/random.js';

/** One request as it goes over the wire, however strange. */
export interface FuzzRequest {
  /** What makes it strange. */
  readonly kind: string;
  readonly method: string;
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: Buffer;
  /** It breaks HTTP itself, so that a closed connection is an answer too. */
  readonly breaksHttp?: boolean;
  /** The only status that will do. */
  readonly expected?: number;
}

interface Endpoint {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
}

const LIMIT = 8 * 1024 * 1024;

const TEXTS = [
  '',
  ' ',
  '\u0000',
  '\ud800',
  '\u202eevil',
  '\u001b[31m',
  'a\r\nSet-Cookie: x=1',
  '🦄'.repeat(50),
  'Ω'.repeat(256),
  'x'.repeat(4097),
  "' OR 1=1 --",
  '${7*7}',
  '../../etc/passwd',
  'NaN',
  'null',
  '+447700900100',
  '-1',
];
const VALUES: unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  '',
  [],
  {},
  [[]],
  [null],
  { toString: 'x' },
  { length: 1 },
  { valueOf: 'x' },
];

/** Makes requests that are the same for the same seed. */
export function fuzzRequests(seed: number, headers: readonly string[]) {
  const random = seededRandom(seed);
  const below = (count: number) => Math.floor(random() * count);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)];
  const uuid = () =>
    '00000000-0000-4000-8000-000000000000'.replaceAll('0', () => below(16).toString(16));
  const id = () => pick([uuid(), '0', 'null', '00000000-0000-7000-8000-000000000000']);
  const number = () => `+1202555${String(100 + below(100)).padStart(4, '0')}`;
  const user = () => pick([`user-${below(500)}`, '__proto__', 'ünïcode', 'a b', '%']);

  const notification = () => ({
    notification: { title: 'Hello', message: 'Text', data: { a: 1 } },
    sendTo: { recipients: [user(), { identifier: user(), phoneNumber: number() }] },
    data: { order: 1 },
    sendAt: '2030-01-01T00:00:00Z',
    override: {
      channels: ['whatsapp'],
      twilio_whatsapp: { Body: 'x', MediaUrl: ['https://example.com/x.png'], _config: {} },
    },
  });
  const instance = () => ({
    name: `instance-${below(1e9)}`,
    config: {
      TWILIO_ACCOUNT_SID: `AC${'d'.repeat(32)}`,
      TWILIO_AUTH_TOKEN: 'not-a-real-auth-token-0003',
      TWILIO_FROM_NUMBER: '+14155238889',
    },
    messagesPerSecond: 80,
  });
  const endpoint = (): Endpoint =>
    pick<() => Endpoint>([
      () => ({ method: 'POST', path: '/v3/notifications', body: notification() }),
      () => ({ method: 'POST', path: '/v3/notifications', body: notification() }),
      () => ({ method: 'GET', path: `/v3/notifications/${id()}?limit=${pick([0, 1, 200, 201])}` }),
      () => ({
        method: 'GET',
        path: `/v3/messages?${pick(['limit', 'status', 'recipient', 'cursor', 'instance', 'x'])}=${encodeURIComponent(wellFormed(pick(TEXTS)))}`,
      }),
      () => ({ method: 'GET', path: `/v3/messages/${id()}` }),
      () => ({ method: 'POST', path: `/v3/messages/${id()}/cancel`, body: {} }),
      () => ({
        method: 'POST',
        path: `/v3/messages/${id()}/resolve`,
        body: { status: 'sent', sid: `SM${'e'.repeat(32)}` },
      }),
      () => ({ method: 'GET', path: '/v3/users?limit=3' }),
      () => ({ method: 'POST', path: '/v3/users', body: { identifier: user(), profile: {} } }),
      () => ({
        method: 'PUT',
        path: `/v3/users/${encodeURIComponent(user())}`,
        body: { phoneNumber: number(), name: 'x' },
      }),
      () => ({ method: 'GET', path: `/v3/users/${encodeURIComponent(user())}` }),
      () => ({ method: 'DELETE', path: `/v3/users/${encodeURIComponent(user())}` }),
      () => ({ method: 'GET', path: '/v3/providers' }),
      () => ({ method: 'GET', path: '/v3/provider-instances' }),
      () => ({
        method: 'POST',
        path: '/v3/provider-instances',
        body: { ...instance(), config: {} },
      }),
      () => ({ method: 'PATCH', path: `/v3/provider-instances/${id()}`, body: instance() }),
      () => ({ method: 'DELETE', path: `/v3/provider-instances/${id()}` }),
      () => ({
        method: 'POST',
        path: `/v3/provider-instances/${id()}/${pick(['enable', 'disable', 'check'])}`,
        body: {},
      }),
      () => ({ method: 'POST', path: `/v3/callbacks/twilio_whatsapp/${id()}`, body: { a: 'b' } }),
      () => ({
        method: 'POST',
        path: `/v3/callbacks/twilio_whatsapp/${id()}/${id()}/${pick(['1', 'x', '-1', '1e9'])}/${'a'.repeat(22)}`,
        body: { MessageSid: 'x' },
      }),
    ])();

  /** Puts something else in the place of one value of a structure. */
  function mutated(value: unknown, replacement: () => unknown): unknown {
    if (typeof value !== 'object' || value === null || random() < 0.2) return replacement();
    const keys = Object.keys(value);
    if (keys.length === 0) return replacement();
    const key = pick(keys);
    const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...value }) as Record<
      string,
      unknown
    >;
    copy[key] = mutated(copy[key], replacement);
    return copy;
  }

  const request = (
    kind: string,
    { method, path, body }: Endpoint,
    more: Partial<FuzzRequest> = {},
  ): FuzzRequest => {
    const isForm = path.startsWith('/v3/callbacks');
    const content = body === undefined ? '' : isForm ? formOf(body) : JSON.stringify(body);
    const type = isForm ? 'application/x-www-form-urlencoded' : 'application/json';
    return {
      kind,
      method,
      path,
      headers: [...headers, ...(body === undefined ? [] : [`Content-Type: ${type}`])],
      body: Buffer.from(content ?? ''),
      ...more,
    };
  };
  const withBody = (): Endpoint => {
    for (;;) {
      const found = endpoint();
      if (found.body !== undefined) return found;
    }
  };
  const json = (): Endpoint => {
    for (;;) {
      const found = withBody();
      if (!found.path.startsWith('/v3/callbacks')) return found;
    }
  };

  const kinds: (() => FuzzRequest)[] = [
    () => request('valid', endpoint()),
    () => request('valid', endpoint()),
    () => {
      const at = withBody();
      return request('type-confused', { ...at, body: mutated(at.body, () => pick(VALUES)) });
    },
    () => {
      const at = withBody();
      return request('text', { ...at, body: mutated(at.body, () => pick(TEXTS)) });
    },
    () => {
      const at = json();
      const key = pick(['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']);
      const text = JSON.stringify(
        mutated(at.body, () => ({ KEY: pick(VALUES), inner: { KEY: {} } })),
      ).replaceAll('KEY', key);
      return request('proto', at, { body: Buffer.from(text) });
    },
    () => {
      const at = json();
      const depth = pick([60, 70, 1000, 20_000]);
      const [open, close] = pick([
        ['[', ']'],
        ['{"a":', '}'],
      ]);
      const deep = `${open.repeat(depth)}1${close.repeat(depth)}`;
      const text = JSON.stringify(mutated(at.body, () => 'DEEP')).replace('"DEEP"', deep);
      return request('deep', at, { body: Buffer.from(text) });
    },
    () => {
      const at = json();
      const text = JSON.stringify(at.body);
      const cut = below(text.length);
      const broken = pick([
        text.slice(0, cut),
        `${text.slice(0, cut)}${pick(['}', '"', '\u0000', '\\', ',,', "'"])}${text.slice(cut)}`,
        `\ufeff${text}`,
        `${text}${text}`,
        `)]}'${text}`,
        '',
        'undefined',
      ]);
      return request('malformed JSON', at, { body: Buffer.from(broken) });
    },
    () => {
      const bytes = Buffer.alloc(1 + below(300));
      for (let index = 0; index < bytes.length; index++) bytes[index] = below(256);
      return request('bytes', withBody(), { body: bytes });
    },
    () => {
      const type = pick([
        'text/plain',
        'application/xml',
        'multipart/form-data; boundary=x',
        'application/json; charset=utf-16',
        'application/json; charset=nonsense',
        'application/x-www-form-urlencoded',
        'application/json, application/json',
        '/',
        'application/vnd.api+json',
      ]);
      const at = withBody();
      return request('content type', at, { headers: [...headers, `Content-Type: ${type}`] });
    },
    () =>
      request('header', endpoint(), {
        headers: [
          ...headers.filter(() => random() < 0.9),
          'Content-Type: application/json',
          pick([
            `Idempotency-Key: ${pick(['', 'x'.repeat(256), 'a b', 'ok', 'é'])}`,
            `X-Twilio-Signature: ${pick(['', 'x', 'A'.repeat(28), 'A'.repeat(4000)])}`,
            'X-Forwarded-Host: evil.example',
            'Accept: \u0001',
            'Accept-Encoding: gzip, br, *;q=0',
            'Content-Encoding: gzip',
            'Content-Encoding: nonsense',
            'Expect: 100-continue',
            `X-Long: ${'x'.repeat(20_000)}`,
            `Cookie: ${'a=b; '.repeat(500)}`,
            'Origin: https://evil.example',
            'If-None-Match: *',
            'Range: bytes=0-',
          ]),
        ],
        breaksHttp: true,
      }),
    () =>
      request('method', {
        ...endpoint(),
        method: pick(['OPTIONS', 'HEAD', 'TRACE', 'PROPFIND', 'PUT', 'DELETE', 'PATCH', 'SEARCH']),
      }),
    () => ({
      ...request('broken HTTP', endpoint()),
      method: pick(['get', 'FOO', 'G ET', '', 'POST\t']),
      breaksHttp: true,
    }),
    () => {
      const { method, path } = endpoint();
      const strange = pick([
        '%00',
        '%ff',
        '%',
        '%2e%2e%2f',
        '//',
        ';a=b',
        '?__proto__[x]=1',
        '?constructor=1',
        '?limit[$gt]=1',
        '?limit=1&limit=2',
        `?${'a=1&'.repeat(2000)}`,
        `/${'x'.repeat(2000)}`,
        '/%E2%80%AE',
        '#x',
      ]);
      return request('path', {
        method,
        path: path + strange,
        body: method === 'GET' ? undefined : {},
      });
    },
  ];
  const oversize = (): FuzzRequest =>
    request(
      'too large',
      {
        method: 'POST',
        path: pick(['/v3/notifications', '/v3/users', '/v3/provider-instances']),
        body: {},
      },
      { body: Buffer.alloc(LIMIT + 1 + below(1000), ' '), expected: 413 },
    );
  const large = (): FuzzRequest => {
    const recipients = Array.from({ length: 10_001 }, (_, index) => `user-${index}`);
    return request('large', {
      method: 'POST',
      path: '/v3/notifications',
      body: { ...notification(), sendTo: { recipients } },
    });
  };
  const longForm = (): FuzzRequest =>
    request(
      'form too large',
      { method: 'POST', path: `/v3/callbacks/twilio_whatsapp/${uuid()}`, body: {} },
      { body: Buffer.from(`a=${'x'.repeat(200_000)}`), expected: 413 },
    );

  return (index: number): FuzzRequest => {
    if (index % 500 === 250) return oversize();
    if (index % 500 === 251) return longForm();
    if (index % 500 === 252) return large();
    return pick(kinds)();
  };
}

/** Half surrogate pairs have no percent-encoding. */
const wellFormed = (text: string): string => Buffer.from(text).toString('utf8');

const formOf = (body: unknown): string =>
  new URLSearchParams(
    Object.entries(Object(body) as object).map(([name, value]): [string, string] => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  ).toString();
