/** In JSON, an escape that stands for NUL or for half of a surrogate pair. */
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/i;

/**
 * Finds text that a database cannot keep: NUL characters and halves of surrogate pairs.
 *
 * @param json what `JSON.stringify` made of the value
 * @returns a message that names the field, or undefined when all of it can be stored
 */
export function storageProblem(value: unknown, json: string): string | undefined {
  if (!UNSTORABLE.test(json)) return undefined;
  return `${pathOfUnstorable(value) ?? 'the body'} holds a NUL character or half of a surrogate pair: remove it`;
}

function pathOfUnstorable(value: unknown, path = ''): string | undefined {
  if (typeof value === 'string') return UNSTORABLE.test(JSON.stringify(value)) ? path : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const here = path ? `${path}.${key}` : key;
    if (UNSTORABLE.test(JSON.stringify(key))) return path || 'the body';
    const found = pathOfUnstorable(inner, here);
    if (found !== undefined) return found;
  }
  return undefined;
}
