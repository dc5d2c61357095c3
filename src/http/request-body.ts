import {
  BadRequestException,
  Body,
  Query,
  ValidationPipe,
  type PipeTransform,
} from '@nestjs/common';
import { hostileKeyProblem, toStorableJson } from '../validation/json.js';
import { messagesOf } from '../validation/validate.js';

const STRICT = new ValidationPipe({
  transform: true,
  whitelist: true,
  forbidNonWhitelisted: true,
  // Knows what else its class has.
  validationError: { target: true },
  exceptionFactory: (errors) => new BadRequestException(messagesOf(errors)),
});

/** Refuses what would overflow a stack or a database before anybody walks through it. */
const STORABLE: PipeTransform = {
  transform(value: unknown) {
    if (value === null || Array.isArray(value) || !['object', 'undefined'].includes(typeof value)) {
      throw new BadRequestException(['the body must be a JSON object']);
    }
    const { problem = hostileKeyProblem(value) } = toStorableJson(value);
    if (problem) throw new BadRequestException([problem]);
    return value;
  },
};

/** The body as an instance of its DTO; whatever the DTO does not know is a 400. */
export const RequestBody = (): ParameterDecorator => Body(STORABLE, STRICT);

/** The same of the query string. */
export const RequestQuery = (): ParameterDecorator => Query(STORABLE, STRICT);
