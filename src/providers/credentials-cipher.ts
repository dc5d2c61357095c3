import { Injectable } from '@nestjs/common';
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';

interface MasterKey {
  readonly id: string;
  readonly key: Buffer;
  readonly macKey: Buffer;
}

const FORMAT = 'v1';
const SALT_BYTES = 16;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const MAC_BYTES = 16;
/** What {@link CredentialsCipher.seal} returns, under whichever key. */
const SEALED = /^v1\.[0-9a-f]{8}\.[\w-]{22}\.[\w-]{16}\.[\w-]*\.[\w-]{22}$/;

/** A secret is sealed with a key that is not in the ring; nothing says that it is damaged. */
export class MissingKeyError extends Error {
  override readonly name = 'MissingKeyError';

  constructor(keyId: string) {
    super(
      `A stored secret is sealed with the encryption key ${keyId}, which is not configured. Add it to the end of encryptionKeys.`,
    );
  }
}

/**
 * Keeps secrets at rest: AES-256-GCM under a key of its own for each record, bound to the place where it is stored.
 * The first key of the ring encrypts, all of them decrypt, so keys can be rotated.
 */
@Injectable()
export class CredentialsCipher {
  private readonly ring: readonly MasterKey[];

  constructor(
    @InjectWhatsappOptions() { encryptionKeys }: Pick<TwilioWhatsappOptions, 'encryptionKeys'>,
  ) {
    this.ring = encryptionKeys.map((text) => {
      const key = Buffer.from(text, 'base64');
      const id = createHash('sha256').update(key).digest('hex').slice(0, 8);
      return { id, key, macKey: derive(key, Buffer.alloc(0), 'twilio-whatsapp/callback/v1') };
    });
  }

  /**
   * @param place where the secret will be stored, such as `table:id:column`; it opens nowhere else
   * @returns `v1.<key id>.<salt>.<iv>.<ciphertext>.<tag>` in base64url
   */
  seal(secret: string, place: string): string {
    const { id, key } = this.ring[0];
    const salt = randomBytes(SALT_BYTES);
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', recordKey(key, salt), iv).setAAD(
      Buffer.from(place),
    );
    const ciphertext = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
    const parts = [salt, iv, ciphertext, cipher.getAuthTag()];
    return [FORMAT, id, ...parts.map((part) => part.toString('base64url'))].join('.');
  }

  /**
   * @throws MissingKeyError when the key is not in the ring
   * @throws Error when the secret was changed or moved
   */
  open(sealed: string, place: string): string {
    const [format, keyId, ...parts] = sealed.split('.');
    const master = this.ring.find(({ id }) => id === keyId);
    if (format !== FORMAT || !master) {
      if (SEALED.test(sealed)) throw new MissingKeyError(keyId);
      throw new Error('A stored secret is damaged: it does not look like one that was sealed.');
    }
    const [salt, iv, ciphertext, tag] = parts.map((part) => Buffer.from(part, 'base64url'));
    // Without the length, Node takes tags of four bytes too, which are a matter of guessing.
    const decipher = createDecipheriv('aes-256-gcm', recordKey(master.key, salt), iv, {
      authTagLength: TAG_BYTES,
    })
      .setAAD(Buffer.from(place))
      .setAuthTag(tag);
    return decipher.update(ciphertext, undefined, 'utf8') + decipher.final('utf8');
  }

  /** A short proof, fit for a URL, that we made the text. */
  mac(text: string): string {
    return macOf(this.ring[0], text);
  }

  /** Checks a proof in constant time, against every key of the ring. */
  verifyMac(text: string, mac: string): boolean {
    // As text: several spellings of base64 say the same bytes, and only ours is ours.
    const given = Buffer.from(mac);
    return this.ring.some((master) => {
      const ours = Buffer.from(macOf(master, text));
      return given.length === ours.length && timingSafeEqual(ours, given);
    });
  }
}

const derive = (key: Buffer, salt: Buffer, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', key, salt, purpose, 32));

const recordKey = (key: Buffer, salt: Buffer): Buffer =>
  derive(key, salt, 'twilio-whatsapp/secret/v1');

const macOf = ({ macKey }: MasterKey, text: string): string =>
  createHmac('sha256', macKey).update(text).digest().subarray(0, MAC_BYTES).toString('base64url');
