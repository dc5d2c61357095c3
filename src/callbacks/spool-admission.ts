import { Injectable } from '@nestjs/common';
import type { Callback } from './callback-request.js';
import { CallbackSpool } from './callback-spool.js';
import { CallbackVerifier } from './callback-verifier.js';
import { SpoolError } from './spool-usage.js';
import { spooled } from './spooled-callback.js';

/** What cannot be verified is kept so often for one attempt: Twilio reports about as many statuses of a message. */
const MAX_UNVERIFIED = 4;
/** How many attempts, and how many signatures, are remembered. */
const MAX_REMEMBERED = 10_000;

/**
 * Decides which callbacks the spool keeps while the database takes none, so that nobody but Twilio can fill it: what a
 * token in memory signed, once; of what cannot be verified, a few for each attempt, in a small share of the spool.
 */
@Injectable()
export class SpoolAdmission {
  private readonly verified = new Map<string, Promise<void>>();
  private readonly unverified = new Map<string, number>();

  constructor(
    private readonly verifier: CallbackVerifier,
    private readonly spool: CallbackSpool,
  ) {}

  /**
   * Resolves when the callback would survive a power loss, or says nothing that is worth it.
   *
   * @throws ForbiddenException when it is not Twilio's, whichever token signed it
   * @throws SpoolError when it cannot be kept
   */
  async keep(callback: Callback): Promise<void> {
    if (!this.spool.isOn) throw new SpoolError('There is no spool.');
    const statuses = await this.verifier.statusesFromMemory(callback);
    const { target } = callback;
    if (statuses) {
      if (statuses.length > 0) await this.keepOnce(callback);
    } else if ('messageId' in target) {
      await this.keepUnverified(`${target.messageId}/${target.attempt}`, callback);
    } else {
      throw new SpoolError('No token in memory signed the callback.');
    }
  }

  /** Forgets what was kept: it is stored by now. */
  reset(): void {
    this.verified.clear();
    this.unverified.clear();
  }

  /** A signature holds no time: somebody who has seen a callback may send it again, as often as he likes. */
  private keepOnce(callback: Callback): Promise<void> {
    const { signature } = callback.request;
    const known = this.verified.get(signature);
    if (known) return known;
    const kept = this.spool.add(spooled(callback)).catch((error: unknown) => {
      this.verified.delete(signature);
      throw error;
    });
    remember(this.verified, signature, kept);
    return kept;
  }

  private async keepUnverified(attempt: string, callback: Callback): Promise<void> {
    const count = this.unverified.get(attempt) ?? 0;
    if (count >= MAX_UNVERIFIED) {
      throw new SpoolError('Enough callbacks of this attempt are kept that cannot be verified.');
    }
    // Counted before it is written: thousands may arrive at once.
    remember(this.unverified, attempt, count + 1);
    try {
      await this.spool.add(spooled(callback), 'unverified');
    } catch (error) {
      const now = this.unverified.get(attempt);
      if (now !== undefined) this.unverified.set(attempt, Math.max(0, now - 1));
      throw error;
    }
  }
}

function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.set(key, value);
  if (map.size <= MAX_REMEMBERED) return;
  const [oldest] = map.keys();
  map.delete(oldest);
}
