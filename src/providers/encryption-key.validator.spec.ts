import fc from 'fast-check';
import { isEncryptionKey } from './encryption-key.validator.js';

const BYTES = Buffer.from('fb'.repeat(32), 'hex');
const KEY = BYTES.toString('base64');

describe('isEncryptionKey', () => {
  it('takes 32 bytes in base64 and base64url, padded or not', () => {
    const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(bytes, (key) => {
        const base64 = Buffer.from(key).toString('base64');
        const base64url = Buffer.from(key).toString('base64url');
        return [base64, base64.slice(0, -1), base64url, `${base64url}=`].every(isEncryptionKey);
      }),
    );
  });

  it.each([
    ['a blank before', ` ${KEY}`],
    ['a line break behind', `${KEY}\n`],
    ['a blank within', `${KEY.slice(0, 9)} ${KEY.slice(9)}`],
    ['quotation marks', `"${KEY}"`],
    ['a character of no base64', `${KEY.slice(0, 9)}!${KEY.slice(9)}`],
    ['a character of no base64 in place of another', `ä${KEY.slice(1)}`],
    ['bits that no byte has', `${KEY.slice(0, -2)}t=`],
    ['something behind its end', `${KEY}=x`],
    ['two keys', `${KEY},${KEY}`],
    ['31 bytes', BYTES.subarray(1).toString('base64')],
    ['33 bytes', Buffer.concat([BYTES, BYTES.subarray(31)]).toString('base64')],
    ['hexadecimal digits', BYTES.toString('hex')],
    ['no text', BYTES as unknown],
    ['nothing', ''],
  ])('refuses %s', (_case, value) => {
    expect(isEncryptionKey(value)).toBe(false);
  });
});
