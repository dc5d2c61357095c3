import { Injectable, Logger } from '@nestjs/common';
import type { Queue, RedisOptions, Worker } from 'bullmq';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';

const QUEUE = 'twilio-whatsapp-wake-ups';
/** Requests that are waiting for Redis at most; what is more is found by the next look at the database. */
const MAX_WAITING = 1000;

/**
 * Tells the other nodes through BullMQ that there is something to send, so that they need not find it out. It carries
 * ids only, and decides nothing: a wake-up that is lost costs a look at the database, one that comes twice nothing.
 */
@Injectable()
export class WakeUps {
  private readonly logger = new Logger(WakeUps.name);
  private readonly redis?: string;
  private queue?: Queue;
  private worker?: Worker;
  private waiting: string[] = [];
  private isRinging = false;
  private isDown = false;

  constructor(@InjectWhatsappOptions() { redis }: TwilioWhatsappOptions) {
    this.redis = redis;
  }

  /**
   * Calls back whenever a wake-up comes in. Does nothing without Redis.
   *
   * @throws Error when BullMQ is not installed
   */
  async listen(onRing: () => void): Promise<void> {
    if (!this.redis) return;
    const bullmq = await importBullmq();
    const connection: RedisOptions = { url: this.redis };
    const onError = (error: Error) => this.report(error);
    this.queue = new bullmq.Queue(QUEUE, {
      connection: { ...connection, enableOfflineQueue: false },
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
    });
    this.queue.on('error', onError);
    this.worker = new bullmq.Worker(
      QUEUE,
      async () => {
        this.isDown = false;
        onRing();
      },
      { connection: { ...connection, maxRetriesPerRequest: null } },
    );
    this.worker.on('error', onError);
  }

  /** Wakes whoever is free, for a notification that was accepted. */
  ring(requestId: string): void {
    if (!this.queue) return;
    if (this.waiting.length < MAX_WAITING) this.waiting.push(requestId);
    if (!this.isRinging) void this.ringAll(this.queue);
  }

  /** Leaves the wake-ups to the other nodes. Nobody waits for that: Redis may be gone, or hang. */
  stopListening(): void {
    this.worker?.close(true).catch((error: unknown) => this.report(error));
  }

  /** Leaves Redis, as little waited for. */
  close(): void {
    this.queue?.close().catch((error: unknown) => this.report(error));
  }

  /** What gathers while Redis is asked travels together. */
  private async ringAll(queue: Queue): Promise<void> {
    this.isRinging = true;
    try {
      while (this.waiting.length > 0) {
        const requestIds = this.waiting;
        this.waiting = [];
        await queue.add('accepted', { requestIds });
      }
    } catch (error) {
      this.report(error);
    } finally {
      this.isRinging = false;
    }
  }

  /** A Redis that is gone is told once, not at every try. */
  private report(error: unknown): void {
    if (this.isDown) return;
    this.isDown = true;
    const cause = error instanceof Error ? error.message : String(error);
    this.logger.warn(
      `Redis does not answer: messages are found by looking at the database until it does. ${cause}`,
    );
  }
}

/** BullMQ and the client that it needs, and would look for without end. */
async function importBullmq(): Promise<typeof import('bullmq')> {
  try {
    await import('ioredis');
    return await import('bullmq');
  } catch (cause) {
    throw new Error('The option redis needs BullMQ: npm install bullmq ioredis', { cause });
  }
}
