import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Fault } from './fate.js';
import { twilioError } from './twilio-error.js';

/** The body of a request. */
export async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** Answers in JSON. */
export function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

/** Does to the answer what the fault says. */
export function misbehave(fault: Fault, response: ServerResponse, retryAfter: number): void {
  switch (fault) {
    case 'tooManyRequests':
      response.setHeader('Retry-After', String(retryAfter));
      return answer(response, 429, twilioError(20429));
    case 'errorBefore':
    case 'errorAfter':
      return answer(response, 500, twilioError(20500));
    case 'resetBefore':
    case 'resetAfter':
      response.socket?.resetAndDestroy();
      return;
    case 'malformedAfter':
      response.writeHead(201, { 'Content-Type': 'application/json' }).end('{"sid": "SM');
      return;
    case 'hangBefore':
    case 'hangAfter':
    // Never answered: whoever asked must give up by themselves.
  }
}
