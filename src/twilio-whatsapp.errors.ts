import {
  BadRequestException,
  ConflictException,
  NotFoundException,
  PayloadTooLargeException,
  ServiceUnavailableException,
  UnprocessableEntityException,
} from '@nestjs/common';
import { DatabaseError } from './database/database-error.js';

/** The options do not describe a module that can work; thrown while the application boots. */
export class TwilioWhatsappOptionsError extends Error {
  override readonly name = 'TwilioWhatsappOptionsError';

  constructor(readonly problems: readonly string[]) {
    super(
      `TwilioWhatsappModule cannot start:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    );
  }
}

/** 400: what was asked for is malformed; each message names the field, the cause and the fix. */
export class InvalidNotificationError extends BadRequestException {
  constructor(readonly problems: string[]) {
    super(problems);
  }
}

/** 400: an argument that is no notification is malformed; each message names the field, the cause and the fix. */
export class InvalidArgumentError extends BadRequestException {
  constructor(readonly problems: string[]) {
    super(problems);
  }
}

/** 422: the idempotency key was used before, with another body. */
export class IdempotencyKeyReusedError extends UnprocessableEntityException {
  constructor() {
    super(
      'Idempotency-Key was used before for a notification with another body. Send a new key with a new notification.',
    );
  }
}

/** 409: there is no provider instance that could send. */
export class NoProviderInstanceError extends ConflictException {
  constructor() {
    super(
      'No provider instance is enabled. Create one with POST /provider-instances, or configure TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_FROM_NUMBER.',
    );
  }
}

/** 409: the message is past the point at which it could be changed. */
export class MessageStateError extends ConflictException {}

/** 404: there is no such thing, or it is not to be seen. */
export class NotFoundError extends NotFoundException {
  constructor(kind: string, id: string) {
    super(`There is no ${kind} "${id}".`);
  }
}

/** 409: what was asked for collides with what is there. */
export class ConflictError extends ConflictException {}

/** 413: it is more than the database takes at once. */
export class RequestTooLargeError extends PayloadTooLargeException {
  constructor(cause: DatabaseError) {
    super(
      'What is to be stored is more than the database takes at once. Send less of it, or raise max_allowed_packet on the server.',
      { cause },
    );
  }
}

/** 503: the database cannot do it now. What was asked for may have been done all the same. */
export class DatabaseUnavailableError extends ServiceUnavailableException {
  constructor(cause: unknown) {
    super(
      'The database does not answer in time, or takes no writes now. Try again: under the same Idempotency-Key, what was accepted all the same is not sent twice.',
      { cause },
    );
  }
}

/** What callers are answered when the database fails: 503 while it is unavailable, 413 when it was too much for it. */
export function answerableError(error: unknown): unknown {
  if (!(error instanceof DatabaseError)) return error;
  if (error.isTooLarge) return new RequestTooLargeError(error);
  return error.isUnavailable ? new DatabaseUnavailableError(error) : error;
}
