import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import { WriteProbe } from './write-probe.js';

/** Milliseconds in which a load balancer gets its answer, whatever the database does. */
const READY_DEADLINE_MS = 2000;
/** Milliseconds for which an answer of the database holds: who asks more often costs it nothing. */
const ANSWER_HOLDS_MS = 500;

@Controller('health')
export class HealthController {
  /** The one write that is under way, or was lately: hanging ones must not use up connections. */
  private answer?: Promise<void>;

  constructor(private readonly probe: WriteProbe) {}

  /** The process answers. */
  @Get('live')
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** The database takes writes too, so notifications can be accepted. */
  @Get('ready')
  async ready(): Promise<{ status: 'ok' }> {
    this.answer ??= this.ask();
    const waiting = new AbortController();
    try {
      await Promise.race([this.answer, deadline(waiting.signal)]);
    } finally {
      waiting.abort();
    }
    return { status: 'ok' };
  }

  private async ask(): Promise<void> {
    try {
      await this.probe.write();
    } catch (error) {
      throw new ServiceUnavailableException('The database does not answer or takes no writes.', {
        cause: error,
      });
    } finally {
      setTimeout(() => (this.answer = undefined), ANSWER_HOLDS_MS).unref();
    }
  }
}

/** @throws ServiceUnavailableException when the time is over */
async function deadline(signal: AbortSignal): Promise<void> {
  await delay(READY_DEADLINE_MS, undefined, { signal, ref: false }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  if (signal.aborted) return;
  throw new ServiceUnavailableException(
    `The database has not answered within ${READY_DEADLINE_MS / 1000} s.`,
  );
}
