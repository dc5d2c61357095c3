import { Injectable, Logger } from '@nestjs/common';

interface Hold {
  /** What Twilio refused; another one is tried at once. */
  readonly secret: string;
  readonly failures: number;
  /** Of the monotonic clock. */
  readonly until: number;
}

const FIRST_HOLD_MS = 30_000;
const LONGEST_HOLD_MS = 300_000;

/** Holds the messages of provider instances back whose credentials Twilio refuses, and lets them try again now and then. */
@Injectable()
export class CredentialsBreaker {
  private readonly logger = new Logger(CredentialsBreaker.name);
  private readonly holds = new Map<string, Hold>();

  /** @returns milliseconds until the next try */
  refused(instanceId: string, secret: string): number {
    const known = this.holds.get(instanceId);
    const isSame = known?.secret === secret;
    const now = performance.now();
    // Those that were under way with the first one say nothing new.
    if (isSame && now < known.until) return Math.ceil(known.until - now);
    const failures = isSame ? known.failures + 1 : 1;
    const ms = Math.min(LONGEST_HOLD_MS, FIRST_HOLD_MS * 2 ** (failures - 1));
    this.holds.set(instanceId, { secret, failures, until: now + ms });
    this.logger.error(
      `Twilio refuses the credentials of provider instance ${instanceId}. Its messages stay queued, and it is tried again in ${ms / 1000} s. Correct its TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or its API key.`,
    );
    return ms;
  }

  /** Twilio took the credentials. */
  passed(instanceId: string): void {
    this.holds.delete(instanceId);
  }

  /** Whether messages of the instance are to wait for now. */
  holdsBack(instanceId: string, secret: string): boolean {
    const hold = this.holds.get(instanceId);
    return hold?.secret === secret && performance.now() < hold.until;
  }
}
