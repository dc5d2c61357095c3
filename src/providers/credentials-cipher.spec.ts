import { CredentialsCipher } from './credentials-cipher.js';

const key = (fill: number) => Buffer.alloc(32, fill).toString('base64');
const SECRET = 'not-a-real-auth-token';

describe('CredentialsCipher', () => {
  const cipher = new CredentialsCipher({ encryptionKeys: [key(1)] });

  it('opens what it sealed, in its place only', () => {
    const sealed = cipher.seal(SECRET, 'table:1:column');
    expect(sealed).not.toContain(SECRET);
    expect(cipher.open(sealed, 'table:1:column')).toBe(SECRET);
    expect(() => cipher.open(sealed, 'table:2:column')).toThrow();
  });

  it('never seals the same twice', () => {
    expect(cipher.seal(SECRET, 'x')).not.toBe(cipher.seal(SECRET, 'x'));
  });

  it('refuses every changed bit', () => {
    const parts = cipher.seal(SECRET, 'x').split('.');
    for (const index of [2, 3, 4, 5]) {
      const bytes = Buffer.from(parts[index], 'base64url');
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        bytes[bit >> 3] ^= 1 << (bit & 7);
        const changed = parts.with(index, bytes.toString('base64url')).join('.');
        expect(() => cipher.open(changed, 'x')).toThrow();
        bytes[bit >> 3] ^= 1 << (bit & 7);
      }
    }
  });

  it('refuses what was cut: a short tag would be easier to guess', () => {
    const parts = cipher.seal(SECRET, 'x').split('.');
    for (const index of [2, 3, 4, 5]) {
      const bytes = Buffer.from(parts[index], 'base64url');
      for (let length = 0; length < bytes.length; length++) {
        const cut = bytes.subarray(0, length).toString('base64url');
        expect(() => cipher.open(parts.with(index, cut).join('.'), 'x')).toThrow();
      }
    }
    for (const text of ['', 'v1', 'v1.', parts.slice(0, 5).join('.'), 'v2' + parts.join('.')]) {
      expect(() => cipher.open(text, 'x')).toThrow();
    }
  });

  it('rotates keys: the first seals, all open', () => {
    const rotated = new CredentialsCipher({ encryptionKeys: [key(2), key(1)] });
    expect(rotated.open(cipher.seal(SECRET, 'x'), 'x')).toBe(SECRET);
    expect(() => cipher.open(rotated.seal(SECRET, 'x'), 'x')).toThrow(/encryptionKeys/);
    expect(rotated.verifyMac('text', cipher.mac('text'))).toBe(true);
  });

  it('proves texts', () => {
    const mac = cipher.mac('a/b/1');
    expect(mac).toMatch(/^[\w-]{22}$/);
    expect(cipher.verifyMac('a/b/1', mac)).toBe(true);
    expect(cipher.verifyMac('a/b/2', mac)).toBe(false);
    expect(cipher.verifyMac('a/b/1', '')).toBe(false);
  });

  it('takes its own spelling of a proof only', () => {
    for (let index = 0; index < 50; index++) {
      const mac = cipher.mac(`text ${index}`);
      expect(cipher.verifyMac(`text ${index}`, mac)).toBe(true);
      const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
      const accepted = [...digits].filter((digit) =>
        cipher.verifyMac(`text ${index}`, mac.slice(0, -1) + digit),
      );
      expect(accepted).toEqual([mac.at(-1)]);
      for (const spelling of [`${mac}=`, `${mac}==`, ` ${mac}`, `${mac}A`, '']) {
        expect(cipher.verifyMac(`text ${index}`, spelling)).toBe(false);
      }
    }
  });
});
