import { plainToInstance, type ClassConstructor } from 'class-transformer';
import { validateSync, type ValidationError, type ValidatorOptions } from 'class-validator';
import { hostileKeyProblem } from './json.js';
import { fieldsOf, unknownField } from './suggestion.js';

/** What is wrong with an object is told this many times: a body may have a million unknown fields. */
const MAX_PROBLEMS = 50;
const STRICT: ValidatorOptions = { whitelist: true, forbidNonWhitelisted: true };

/** Turns plain input into an instance of a DTO class, with a message for each thing that is wrong with it. */
export function validate<T extends object>(
  dto: ClassConstructor<T>,
  input: unknown,
  options: ValidatorOptions = STRICT,
): { value: T; problems: string[] } {
  const hostile = hostileKeyProblem(input);
  if (hostile) return { value: new dto(), problems: [hostile] };
  const value = plainToInstance(dto, input ?? {});
  if (Array.isArray(value) || typeof value !== 'object') {
    return { value, problems: ['the body must be a JSON object'] };
  }
  return { value, problems: messagesOf(validateSync(value, options)) };
}

/** One message for each broken constraint, with the path of its field; of very many, the first. */
export function messagesOf(errors: ValidationError[], path = ''): string[] {
  const messages = errors
    .slice(0, MAX_PROBLEMS)
    .flatMap(({ target, property, constraints = {}, children = [] }) => [
      ...Object.entries(constraints).map(([constraint, message]) =>
        constraint === 'whitelistValidation'
          ? unknownField(path, property, fieldsOf(target!.constructor as never))
          : `${path}${message}`,
      ),
      ...messagesOf(children, `${path}${property}.`),
    ]);
  // Several constraints of a field may say the same.
  return [...new Set(messages)];
}
