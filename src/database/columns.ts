import { Column, type ColumnOptions } from 'typeorm';

/** An instant in milliseconds since 1970, UTC: the same in every database, whatever its time zone. */
export const InstantColumn = (options: ColumnOptions): PropertyDecorator =>
  Column({ ...options, type: 'bigint', transformer: numberFromDriver });

/** A yes or no as 1 or 0, so that raw SQL needs no dialect for it. */
export const FlagColumn = (options: ColumnOptions): PropertyDecorator =>
  Column({ ...options, type: 'smallint', transformer: flag });

const numberFromDriver = {
  to: (value: number | null) => value,
  // PostgreSQL and MySQL drivers hand 64-bit integers out as text.
  from: (value: string | number | null) => (value === null ? null : Number(value)),
};

const flag = {
  to: (value: boolean) => (value ? 1 : 0),
  from: (value: number) => value === 1,
};
