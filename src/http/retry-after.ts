import { DatabaseUnavailableError } from '../twilio-whatsapp.errors.js';

/** What Express and Fastify have in common. */
export interface Response {
  header(name: string, value: string): unknown;
}

const RETRY_AFTER_SECONDS = '1';

/** Says with the answer when to try again, where that is of use. @returns the error */
export function askToRetry(response: Response, error: unknown): unknown {
  if (error instanceof DatabaseUnavailableError) {
    response.header('Retry-After', RETRY_AFTER_SECONDS);
  }
  return error;
}
