/** Deeper structures overflow the stacks of those who walk through them. */
export const MAX_DEPTH = 64;

/** What is said of a body that is nested too deep. */
export const NESTING_PROBLEM = `the body must not be nested deeper than ${MAX_DEPTH} levels`;

/** In JSON, an escape that stands for NUL or for half of a surrogate pair. */
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/i;

/**
 * Writes a value as JSON that every database can keep.
 *
 * @returns the JSON, or a problem that names the field: too deep, a circle, a NUL character, half a surrogate pair
 */
export function toStorableJson(value: unknown): { json: string; problem?: string } {
  if (isDeeperThan(value, MAX_DEPTH)) {
    return { json: '', problem: NESTING_PROBLEM };
  }
  const json = JSON.stringify(value) ?? 'null';
  if (!UNSTORABLE.test(json)) return { json };
  const path = pathOfUnstorable(value) ?? 'the body';
  return {
    json,
    problem: `${path} holds a NUL character or half of a surrogate pair: remove it`,
  };
}

/** Writes a value of JSON so that two that differ only in the order of their keys are the same text. */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`;
  const members = Object.entries(value)
    .filter(([, inner]) => inner !== undefined)
    .map(([key, inner]) => `${JSON.stringify(key)}:${canonicalJson(inner)}`);
  return `{${members.toSorted().join()}}`;
}

/** Keys that class-transformer takes for the prototype or the class of an object. */
const HOSTILE_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

/** What is wrong with a value that class-transformer is to walk through; undefined when it may. */
export function hostileKeyProblem(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    if (HOSTILE_KEYS.has(key)) return `there must be no key "${key}" here: remove it`;
    const problem = hostileKeyProblem(inner);
    if (problem) return problem;
  }
  return undefined;
}

/** How many bytes a text takes in a database. */
export const bytesOf = (text: string): number => Buffer.byteLength(text, 'utf8');

/** What a text column of MySQL and MariaDB holds; what is longer is refused everywhere. */
export const MAX_TEXT_BYTES = 65_535;

const [QUOTE, BACKSLASH] = Buffer.from('"\\');
const [OPEN_LIST, OPEN_OBJECT, CLOSE_LIST, CLOSE_OBJECT] = Buffer.from('[{]}');

/** Whether JSON is nested deeper than is allowed, found out without parsing it: a parser would stand still for seconds. */
export function isNestedTooDeep(json: Uint8Array): boolean {
  if (json.length <= MAX_DEPTH) return false;
  let depth = 0;
  let isText = false;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (byte === QUOTE) isText = !isText;
    else if (isText) at += byte === BACKSLASH ? 1 : 0;
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth--;
    else if ((byte === OPEN_LIST || byte === OPEN_OBJECT) && ++depth > MAX_DEPTH) return true;
  }
  return false;
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(inner, levels - 1));
}

function pathOfUnstorable(value: unknown, path = ''): string | undefined {
  if (typeof value === 'string') return UNSTORABLE.test(JSON.stringify(value)) ? path : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    if (UNSTORABLE.test(JSON.stringify(key))) return path || 'the body';
    const found = pathOfUnstorable(inner, path ? `${path}.${key}` : key);
    if (found !== undefined) return found;
  }
  return undefined;
}
