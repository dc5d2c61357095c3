import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { MAX_BODY_BYTES } from './body-limits.js';

/** Milliseconds after an answer in which a client may go on sending. */
const LINGER_MS = 5000;

/**
 * Ends the connection of a request that is answered before its body was read. A connection that is closed with bytes
 * unread is reset, and its client may never see the answer: so they are thrown away, 8 MiB and 5 s at most.
 */
export function closeAfterAnswer(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('Connection', 'close');
  // Streams of HTTP/2 end one by one.
  if (request.httpVersionMajor > 1) return;
  const { socket } = request;
  let left = MAX_BODY_BYTES;
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) socket.destroy();
  });
  request.resume();
  // That is what Node's server calls when the answer is written.
  socket.destroySoon = () => {
    const close = () => Socket.prototype.destroySoon.call(socket);
    if (request.complete) return close();
    socket.end();
    request.once('end', close);
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(timer));
  };
}
