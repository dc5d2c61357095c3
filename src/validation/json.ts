/** Deeper structures overflow the stacks of those who walk through them. */
const MAX_DEPTH = 64;

/** In JSON, an escape that stands for NUL or for half of a surrogate pair. */
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/i;

/**
 * Writes a value as JSON that every database can keep.
 *
 * @returns the JSON, or a problem that names the field: too deep, a circle, a NUL character, half a surrogate pair
 */
export function toStorableJson(value: unknown): { json: string; problem?: string } {
  if (isDeeperThan(value, MAX_DEPTH)) {
    return { json: '', problem: `the body must not be nested deeper than ${MAX_DEPTH} levels` };
  }
  const json = JSON.stringify(value) ?? 'null';
  if (!UNSTORABLE.test(json)) return { json };
  const path = pathOfUnstorable(value) ?? 'the body';
  return {
    json,
    problem: `${path} holds a NUL character or half of a surrogate pair: remove it`,
  };
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
