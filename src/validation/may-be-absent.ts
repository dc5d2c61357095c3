import { ValidateIf } from 'class-validator';

/** Lets a field be left out. Unlike `IsOptional`, it does not let it be `null`, which would say nothing. */
export const MayBeAbsent = (): PropertyDecorator =>
  ValidateIf((_dto: object, value: unknown) => value !== undefined);
