import { plainToInstance, type ClassConstructor } from 'class-transformer';
import { validateSync, type ValidationError, type ValidatorOptions } from 'class-validator';

const STRICT: ValidatorOptions = { whitelist: true, forbidNonWhitelisted: true };
import { hostileKeyProblem } from './json.js';

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

/** One message for each broken constraint, with the path of its field. */
export function messagesOf(errors: ValidationError[], path = ''): string[] {
  const messages = errors.flatMap(({ property, constraints = {}, children = [] }) => [
    ...Object.values(constraints).map((message) => `${path}${message}`),
    ...messagesOf(children, `${path}${property}.`),
  ]);
  // Several constraints of a field may say the same.
  return [...new Set(messages)];
}
