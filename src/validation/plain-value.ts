import { types } from 'node:util';
import { MAX_DEPTH, NESTING_PROBLEM } from './json.js';

const WANTED =
  'pass a text, a finite number, true, false, null, a list, an object, a Date, a URL or a Map';

/** A key of an object, or an index of a list. */
type Step = string | number;

/**
 * Copies a value that a program passes into what JSON holds of it: dates and URLs become texts, as does whatever says
 * itself what it is in JSON, and maps become objects.
 *
 * @returns the copy, or a problem that names the first key whose value JSON would lose
 */
export function toPlainValue(given: unknown): { value: unknown; problem?: string } {
  const trail: Step[] = [];
  let problem: string | undefined;

  const copyEntry = ([key, inner]: [Step, unknown]): [Step, unknown] => {
    trail.push(key);
    const copied = copy(inner, typeof key === 'number');
    // The trail leads to the problem.
    if (problem === undefined) trail.pop();
    return [key, copied];
  };
  const copyEntries = (entries: [Step, unknown][]) =>
    Object.fromEntries(entries.map(copyEntry).filter(([, copied]) => copied !== undefined));

  const copy = (value: unknown, isInList = false, levels = MAX_DEPTH - trail.length): unknown => {
    // One is enough: a circle has no end.
    if (problem !== undefined) return undefined;
    if (levels < 0) problem = NESTING_PROBLEM;
    else if (isScalar(value) || (value === undefined && !isInList)) return value;
    else if (hasJson(value)) return copy(value.toJSON(), isInList, levels - 1);
    else if (Array.isArray(value))
      return Array.from(value, (inner: unknown, at) => copyEntry([at, inner])[1]);
    else if (isNamedMap(value)) return copyEntries([...value]);
    else if (isRecord(value)) return copyEntries(Object.entries(value));
    else problem = `${pathOf(trail)} is no plain value (${kindOf(value)}): ${WANTED}`;
    return undefined;
  };

  return { value: copy(given), ...(problem !== undefined && { problem }) };
}

const isScalar = (value: unknown): boolean =>
  value === null ||
  typeof value === 'string' ||
  typeof value === 'boolean' ||
  Number.isFinite(value);

/** Bytes say that they are a list of numbers, and an invalid date that it is null: nobody means that. */
const hasJson = (value: unknown): value is { toJSON(): unknown } =>
  typeof (value as { toJSON?: unknown } | undefined)?.toJSON === 'function' &&
  !ArrayBuffer.isView(value) &&
  !(types.isDate(value) && Number.isNaN(value.getTime()));

const isNamedMap = (value: unknown): value is Map<Step, unknown> =>
  types.isMap(value) &&
  [...value.keys()].every((key) => typeof key === 'string' || typeof key === 'number');

/** Whether an object is no more than its attributes: a class that hides them would leave nothing. */
function isRecord(value: unknown): value is object {
  if (Object.prototype.toString.call(value) !== '[object Object]') return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  return isPlain || Object.keys(value as object).length > 0;
}

const pathOf = (trail: readonly Step[]): string =>
  trail
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .replace(/^\./, '') || 'the notification';

function kindOf(value: unknown): string {
  if (typeof value === 'number' || types.isDate(value)) return String(value);
  if (typeof value !== 'object' || value === null) return typeof value;
  return (value as { constructor?: { name: string } }).constructor?.name ?? 'object';
}
