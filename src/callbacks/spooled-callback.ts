import type { Callback } from './callback-request.js';

/** A callback as a text, to be kept. */
export const spooled = ({ request, ...rest }: Callback): string =>
  JSON.stringify({ ...rest, request: { ...request, body: request.body.toString('base64') } });

/** The callback that was kept. */
export function unspooled(text: string): Callback {
  const { request, ...rest } = JSON.parse(text) as Omit<Callback, 'request'> & {
    request: Omit<Callback['request'], 'body'> & { body: string };
  };
  return { ...rest, request: { ...request, body: Buffer.from(request.body, 'base64') } };
}
