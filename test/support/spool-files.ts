import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spooled } from '../../src/callbacks/spooled-callback.js';
import { CredentialsCipher } from '../../src/providers/credentials-cipher.js';
import { ENCRYPTION_KEY } from './application.js';
import { fields, sign, type SentMessage } from './callback-forms.js';

/** A spool's directory, and files made by hand in it. */
export class SpoolFiles {
  readonly directory = mkdtempSync(join(tmpdir(), 'twilio-whatsapp-spool-'));

  names(ending = ''): string[] {
    return readdirSync(this.directory)
      .filter((name) => name.endsWith(ending))
      .toSorted();
  }

  pathOf(name: string): string {
    return join(this.directory, name);
  }

  linesOf(name: string): string[] {
    return readFileSync(this.pathOf(name), 'utf8').split('\n').filter(Boolean);
  }

  /** Makes a file at once, as the spool does. */
  add(name: string, lines: readonly string[]): void {
    const unfinished = this.pathOf(`${name}.tmp`);
    writeFileSync(unfinished, lines.map((line) => `${line}\n`).join(''));
    renameSync(unfinished, this.pathOf(name));
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }
}

/** A text as the spool seals it. */
export const sealedLine = (text: string, key = ENCRYPTION_KEY): string =>
  new CredentialsCipher({ encryptionKeys: [key] }).seal(text, 'spool');

/** Twilio's callback about a message as the spool keeps it. */
export function spooledLine({ url, sid }: SentMessage, status: string, key?: string): string {
  const [instanceId, messageId, attempt, mac] = new URL(url).pathname.split('/').slice(-4);
  const form = fields(sid, status);
  const callback = spooled({
    target: { instanceId, messageId, attempt: Number(attempt), mac },
    request: {
      signature: sign(url, form),
      query: '',
      isJson: false,
      body: Buffer.from(new URLSearchParams(form).toString()),
    },
    at: Date.now(),
  });
  return sealedLine(callback, key);
}

const DEADLINE_MS = 20_000;

/** Resolves when the expectations hold; fails with what they saw last. */
export async function eventually(expectations: () => void | Promise<void>): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    try {
      await expectations();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
