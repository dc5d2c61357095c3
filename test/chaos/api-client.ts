import { API } from './settings.js';

/** Whoever was asked is gone, or could not answer: whether it did what was asked for is not known. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

export interface CallOptions {
  readonly body?: object;
  readonly idempotencyKey?: string;
  /** Milliseconds to wait for the answer. @default 2000 */
  readonly patienceMs?: number;
}

/**
 * Calls the REST API of a node.
 *
 * @throws NoAnswerError when nobody answered in time, or with a 5xx
 * @throws Error with the answer's own words when the request was refused
 */
export async function call<T>(
  nodeUrl: string,
  method: string,
  path: string,
  { body, idempotencyKey, patienceMs = 2000 }: CallOptions = {},
): Promise<T> {
  const response = await fetch(`${nodeUrl}/${path}`, {
    method,
    headers: {
      'X-ENGAGESPOT-API-KEY': API.key,
      'X-ENGAGESPOT-API-SECRET': API.secret,
      ...(body && { 'Content-Type': 'application/json' }),
      ...(idempotencyKey && { 'Idempotency-Key': idempotencyKey }),
    },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(patienceMs),
  }).catch(noAnswer);
  const answer: unknown = await response.json().catch(noAnswer);
  if (response.status >= 500) throw new NoAnswerError(JSON.stringify(answer));
  if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
  return answer as T;
}

function noAnswer(error: unknown): never {
  throw new NoAnswerError('nobody answered', { cause: error });
}
