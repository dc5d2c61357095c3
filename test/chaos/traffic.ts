import { setTimeout as delay } from 'node:timers/promises';
import type { TwilioSimulator } from '../../src/simulator/index.js';
import type { Random } from '../../src/simulator/random.js';
import { call, NoAnswerError } from './api-client.js';
import type { ChaosNode } from './chaos-node.js';
import { FATES, INSTANCES } from './settings.js';

const CLIENTS = 8;
const PAUSE_MS = 20;

/** Clients that send one notification after another and ask again, under the same key, until somebody accepts. */
export class Traffic {
  /** Request ids of what was accepted, by recipient. */
  readonly accepted = new Map<string, string>();
  private next = 0;
  private isOver = false;
  private readonly clients: Promise<void>[];

  constructor(
    private readonly nodes: readonly ChaosNode[],
    private readonly simulator: TwilioSimulator,
    private readonly random: Random,
  ) {
    this.clients = Array.from({ length: CLIENTS }, () => this.run());
  }

  /** Rejects when a client was refused. */
  async end(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.clients);
  }

  private async run(): Promise<void> {
    while (!this.isOver) {
      const no = this.next++;
      const recipient = `whatsapp:US.user${no}`;
      const fate = FATES[Math.floor(this.random() * FATES.length)];
      this.simulator.script(recipient, { ...fate, retryAfter: 0 });
      this.accepted.set(
        recipient,
        await this.send(recipient, INSTANCES[no % INSTANCES.length].name),
      );
      await delay(PAUSE_MS);
    }
  }

  private async send(recipient: string, instance: string): Promise<string> {
    for (;;) {
      const node = this.nodes[Math.floor(this.random() * this.nodes.length)];
      try {
        const { requestId } = await call<{ requestId: string }>(node.url, 'POST', 'notifications', {
          body: {
            notification: { title: 'Chaos' },
            sendTo: { recipients: [{ identifier: recipient, phoneNumber: recipient }] },
            override: { twilio_whatsapp: { _instance: instance } },
          },
          idempotencyKey: recipient,
        });
        return requestId;
      } catch (error) {
        if (!(error instanceof NoAnswerError)) throw error;
        await delay(PAUSE_MS);
      }
    }
  }
}
