import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { setTimeout as delay } from 'node:timers/promises';
import { DataSource } from 'typeorm';

/** Milliseconds in which a load balancer gets its answer, whatever the database does. */
const READY_DEADLINE_MS = 2000;

@Controller('health')
export class HealthController {
  /** The one question to the database that is under way: hanging ones must not use up its connections. */
  private probe?: Promise<void>;

  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  /** The process answers. */
  @Get('live')
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** The database answers too, so notifications can be accepted. */
  @Get('ready')
  async ready(): Promise<{ status: 'ok' }> {
    this.probe ??= this.ask().finally(() => {
      this.probe = undefined;
    });
    const waiting = new AbortController();
    try {
      await Promise.race([this.probe, deadline(waiting.signal)]);
    } finally {
      waiting.abort();
    }
    return { status: 'ok' };
  }

  private async ask(): Promise<void> {
    try {
      await this.dataSource.query('SELECT 1');
    } catch (error) {
      throw new ServiceUnavailableException('The database does not answer.', { cause: error });
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
