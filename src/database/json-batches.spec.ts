import { createRequire } from 'node:module';
import { DatabaseError } from './database-error.js';
import { escapedBytes, jsonBatches } from './json-batches.js';

// What mysql2 escapes with.
const sqlString = createRequire(createRequire(import.meta.url).resolve('mysql2'))(
  'sql-escaper',
) as { escape(value: string): string };

const TEXTS = ['plain', '"', "'", '\\', '\0\b\t\n\r\u001a\u001b', 'é', '漢', '😀', '\ud7ff', ''];

describe('escapedBytes', () => {
  it.each(TEXTS)('counts what mysql2 sends of %j', (text) => {
    // Without the quotes around it.
    expect(escapedBytes(text)).toBe(Buffer.byteLength(sqlString.escape(text)) - 2);
  });
});

describe('jsonBatches', () => {
  const rows = Array.from({ length: 200 }, (_, index) => ({
    id: index,
    text: TEXTS[index % TEXTS.length].repeat(20),
  }));
  const limitOf = (maxBytes: number) => ({ maxBytes, bytesOf: escapedBytes });

  it('writes one array of what fits', () => {
    const json = JSON.stringify(rows);
    expect(jsonBatches(rows, limitOf(escapedBytes(json)))).toEqual([json]);
  });

  it.each([700, 1000, 5000])('writes all rows in order, in arrays of %i bytes at most', (bytes) => {
    const batches = jsonBatches(rows, limitOf(bytes));
    expect(batches.flatMap((json) => JSON.parse(json) as object[])).toEqual(rows);
    expect(Math.max(...batches.map(escapedBytes))).toBeLessThanOrEqual(bytes);
    expect(batches.length).toBeLessThan(3 + (3 * escapedBytes(JSON.stringify(rows))) / bytes);
  });

  it('refuses a row that alone is too large', () => {
    const refused = () => jsonBatches([{ text: '"'.repeat(100) }], limitOf(300));
    expect(refused).toThrow(DatabaseError);
    expect(refused).toThrow('max_allowed_packet');
  });
});
