import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Queue, Worker } from 'bullmq';
import { DataSource } from 'typeorm';
import { randomUUID } from 'node:crypto';
import { closedLoop } from '../harness/closed-loop.js';
import { IN_FLIGHT } from '../subject.js';
import { messageTo, sdkClient } from './sdk.sending.js';
import type { Sending } from './sending.js';
import { usualDatabase } from './usual.database.js';
import { UsualMessage } from './usual.entities.js';

interface Deliverer {
  readonly deliver: (index: number) => Promise<unknown>;
  readonly close: () => Promise<void>;
}

/** The usual design: save the message, call the SDK, save what came of it. */
export async function usual(twilioUrl: string, databaseUrl: string): Promise<Sending> {
  const { deliver, close } = await deliverer(twilioUrl, databaseUrl);
  return { send: (count) => closedLoop(count, IN_FLIGHT, deliver), close };
}

/** The same in the worker of a BullMQ queue. */
export async function queued(
  twilioUrl: string,
  databaseUrl: string,
  redisUrl: string,
): Promise<Sending> {
  const { deliver, close } = await deliverer(twilioUrl, databaseUrl);
  const name = `bench-${randomUUID()}`;
  const connection = { url: redisUrl, maxRetriesPerRequest: null };
  const queue = new Queue<{ index: number }>(name, { connection });
  const worker = new Worker<{ index: number }>(name, ({ data }) => deliver(data.index), {
    connection,
    concurrency: IN_FLIGHT,
  });
  return {
    async send(count) {
      const done = completions(worker, count);
      await closedLoop(count, IN_FLIGHT, (index) =>
        queue.add('send', { index }, { removeOnComplete: true }),
      );
      await done;
    },
    async close() {
      await worker.close();
      await queue.obliterate({ force: true });
      await queue.close();
      await close();
    },
  };
}

/** Resolves when the worker has completed so many jobs. @throws the error of the first that failed */
async function completions(worker: Worker, count: number): Promise<void> {
  let left = count;
  await new Promise<void>((resolve, reject) => {
    worker.on('completed', () => --left === 0 && resolve());
    worker.on('failed', (_job, error) => reject(error));
    worker.on('error', reject);
  });
  worker.removeAllListeners('completed').removeAllListeners('failed').removeAllListeners('error');
}

async function deliverer(twilioUrl: string, databaseUrl: string): Promise<Deliverer> {
  @Module({ imports: [TypeOrmModule.forRoot(usualDatabase(databaseUrl))] })
  class UsualModule {}

  const app = await NestFactory.createApplicationContext(UsualModule, { logger: ['error'] });
  const repository = app.get(DataSource).getRepository(UsualMessage);
  const { messages } = sdkClient(twilioUrl);
  return {
    async deliver(index) {
      const request = messageTo(index);
      const now = Date.now();
      const message = repository.create({
        id: randomUUID(),
        to: request.to,
        body: request.body,
        status: 'queued',
        sid: null,
        createdAt: now,
        updatedAt: now,
      });
      await repository.save(message);
      const { sid } = await messages.create(request);
      message.sid = sid;
      message.status = 'sent';
      message.updatedAt = Date.now();
      await repository.save(message);
    },
    close: () => app.close(),
  };
}
