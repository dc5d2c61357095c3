import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
import type { Dispatcher } from 'undici';
import { Exchange, TwilioTransport } from './transport.js';
import { TransportError } from './twilio-response.js';

const OK = 'HTTP/1.1 201 Created\r\nContent-Length: 2\r\nRetry-After: 7\r\n\r\n{}';

/** A server that treats each connection as the test wants. */
async function serve(treat: (socket: Socket) => void): Promise<{ server: Server; apiUrl: string }> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    treat(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const onRequest = (answer: (socket: Socket) => void) => (socket: Socket) =>
  void socket.on('data', () => answer(socket));

const REQUEST = {
  method: 'post',
  uri: 'https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json',
  username: 'AC1',
  password: 'not-a-real-auth-token',
  data: { Body: 'a secret text', MediaUrl: ['https://a.example/1', 'https://a.example/2'] },
} as const;

async function post(apiUrl: string, timeoutMs = 300) {
  const transport = new TwilioTransport({ apiUrl, timeoutMs });
  try {
    return await transport.request(REQUEST);
  } finally {
    await transport.destroy();
  }
}

describe('TwilioTransport', () => {
  it('sends a form with repeated names and keeps the headers of the answer', async () => {
    let received = '';
    const { server, apiUrl } = await serve((socket) => {
      socket.on('data', (data) => {
        received += data.toString();
        socket.write(OK);
      });
    });
    const response = await post(apiUrl);
    expect(response).toMatchObject({
      statusCode: 201,
      body: '{}',
      headers: { 'retry-after': '7' },
    });
    expect(received).toContain(`Authorization: Basic ${btoa('AC1:not-a-real-auth-token')}`);
    expect(received).toContain(
      'Body=a%20secret%20text&MediaUrl=https%3A%2F%2Fa.example%2F1&MediaUrl=',
    );
    server.close();
  });

  it.each<[string, boolean, (socket: Socket) => void]>([
    ['closes on the request', true, onRequest((socket) => socket.destroy())],
    ['resets on the request', true, onRequest((socket) => socket.resetAndDestroy())],
    ['never answers', true, onRequest(() => {})],
    ['answers half a head', true, onRequest((socket) => socket.write('HTTP/1.1 201 Cr'))],
    [
      'ends within the body',
      true,
      onRequest((socket) => socket.end('HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n{}')),
    ],
    ['speaks another protocol', true, onRequest((socket) => socket.end('SSH-2.0-OpenSSH\r\n'))],
    [
      'sends more than fits',
      true,
      onRequest((socket) =>
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`),
      ),
    ],
    [
      'drips',
      true,
      onRequest((socket) => {
        const drip = setInterval(() => socket.write('H'), 50);
        socket.on('close', () => clearInterval(drip));
      }),
    ],
  ])(
    'knows that the request may have arrived when the peer %s',
    async (_case, reachedTheWire, treat) => {
      const sockets = new Set<Socket>();
      const { server, apiUrl } = await serve((socket) => {
        sockets.add(socket);
        treat(socket);
      });
      const error: unknown = await post(apiUrl).catch((failure: unknown) => failure);
      expect(error).toBeInstanceOf(TransportError);
      expect(error).toMatchObject({ reachedTheWire });
      expect(JSON.stringify(error) + String((error as Error).stack)).not.toMatch(
        /not-a-real|secret/,
      );
      sockets.forEach((socket) => socket.destroy());
      server.close();
    },
  );

  it('knows that nothing was sent when there is no connection', async () => {
    const { server, apiUrl } = await serve(() => {});
    server.close();
    await once(server, 'close');
    await expect(post(apiUrl)).rejects.toMatchObject({
      reachedTheWire: false,
      code: 'ECONNREFUSED',
    });
  });

  it('knows that nothing was sent when TLS does not come about', async () => {
    const { server, apiUrl } = await serve((socket) => void socket.end('no TLS here'));
    await expect(post(apiUrl.replace('http:', 'https:'))).rejects.toMatchObject({
      reachedTheWire: false,
    });
    server.close();
  });

  it('does not send a request any more that it has given up', async () => {
    let exchange!: Exchange;
    const failure = await new Promise<TransportError>((resolve) => {
      exchange = new Exchange(1, () => {}, resolve);
    });
    expect(failure.reachedTheWire).toBe(false);
    // The connection comes about after all, as undici reports it.
    const abort = jest.fn();
    exchange.onRequestStart({ abort } as unknown as Dispatcher.DispatchController);
    expect(abort).toHaveBeenCalled();
  });

  it.each([302, 307])('takes a redirect (%s) for the answer', async (statusCode) => {
    const paths: (string | undefined)[] = [];
    const server = createHttpServer((request, response) => {
      paths.push(request.url);
      response.writeHead(statusCode, { Location: '/elsewhere' }).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const response = await post(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 5000);
    expect(response).toMatchObject({ statusCode, headers: { location: '/elsewhere' } });
    expect(paths).toEqual([new URL(REQUEST.uri).pathname]);
    server.close();
  });

  describe('when nothing more is to be sent', () => {
    let server: Server;
    let apiUrl: string;
    let transport: TwilioTransport;

    beforeEach(() =>
      jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] }),
    );
    afterEach(async () => {
      jest.useRealTimers();
      await transport.destroy();
      server.close();
    });

    it.each([
      ['says nothing of it', ''],
      ['offers to wait longer', 'Keep-Alive: timeout=60\r\n'],
    ])('leaves a connection after four seconds, though the peer %s', async (_case, hint) => {
      const closed: Promise<unknown>[] = [];
      ({ server, apiUrl } = await serve((socket) => {
        closed.push(once(socket, 'close'));
        socket.on('data', () => socket.write(OK.replace('Content', `${hint}Content`)));
      }));
      transport = new TwilioTransport({ apiUrl, timeoutMs: 10_000 });
      await transport.request(REQUEST);
      await new Promise((resolve) => setImmediate(resolve));
      jest.advanceTimersByTime(4000);
      const all = Promise.all(closed).then(() => closed.length);
      expect(await Promise.race([all, sleep(2000, 'none', { ref: false })])).toBe(1);
    });
  });

  it('sends credentials to hosts of Twilio only', () => {
    const transport = new TwilioTransport({ timeoutMs: 100 });
    for (const host of ['evil.com', 'api.twilio.com.evil.com', 'eviltwilio.com']) {
      expect(() => transport.request({ method: 'get', uri: `https://${host}/` })).toThrow(
        /hosts of Twilio/,
      );
    }
  });
});
