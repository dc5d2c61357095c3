import type { Callback, CallbackTarget } from './callback-request.js';

/** A text of the spool is not a callback: another version may have written it. */
export class MalformedEntryError extends Error {
  override readonly name = 'MalformedEntryError';
}

type Json = Readonly<Record<string, unknown>>;

/** A callback as a text, to be kept. */
export const spooled = ({ request, ...rest }: Callback): string =>
  JSON.stringify({ ...rest, request: { ...request, body: request.body.toString('base64') } });

/** The callback that was kept. @throws MalformedEntryError when the text is not one */
export function unspooled(text: string): Callback {
  const { target, request, at } = objectOf(parse(text), 'the entry');
  const { signature, query, isJson, body } = objectOf(request, 'request');
  if (typeof isJson !== 'boolean') throw malformed('request.isJson');
  if (typeof at !== 'number') throw malformed('at');
  return {
    target: targetOf(objectOf(target, 'target')),
    request: {
      signature: textOf(signature, 'request.signature'),
      query: textOf(query, 'request.query'),
      isJson,
      body: Buffer.from(textOf(body, 'request.body'), 'base64'),
    },
    at,
  };
}

function targetOf({ instanceId: id, messageId, attempt, mac }: Json): CallbackTarget {
  const instanceId = textOf(id, 'target.instanceId');
  if (messageId === undefined) return { instanceId };
  if (typeof attempt !== 'number') throw malformed('target.attempt');
  return {
    instanceId,
    messageId: textOf(messageId, 'target.messageId'),
    attempt,
    mac: textOf(mac, 'target.mac'),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What could not be read is quoted in the error, and may be about a person.
    throw new MalformedEntryError('An entry of the spool is not JSON.');
  }
}

function objectOf(value: unknown, field: string): Json {
  if (typeof value !== 'object' || value === null) throw malformed(field);
  return value as Json;
}

function textOf(value: unknown, field: string): string {
  if (typeof value !== 'string') throw malformed(field);
  return value;
}

const malformed = (field: string): MalformedEntryError =>
  new MalformedEntryError(`An entry of the spool is not a callback: ${field} is not what it was.`);
