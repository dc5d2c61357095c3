import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import type { DeliveryEventType, WhatsappDeliveryEvent } from './delivery-event.js';
import { LISTENS_TO } from './on-whatsapp-event.decorator.js';

type Listener = (event: WhatsappDeliveryEvent) => unknown;

/** Finds the methods decorated with `@OnWhatsappEvent` and calls them. */
@Injectable()
export class EventPublisher implements OnApplicationBootstrap {
  private readonly logger = new Logger(EventPublisher.name);
  private readonly listeners = new Map<DeliveryEventType, { name: string; call: Listener }[]>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  onApplicationBootstrap(): void {
    for (const { instance } of [
      ...this.discovery.getProviders(),
      ...this.discovery.getControllers(),
    ]) {
      if (typeof instance !== 'object' || instance === null) continue;
      const prototype: unknown = Object.getPrototypeOf(instance);
      for (const name of this.scanner.getAllMethodNames(prototype as object)) {
        this.register(instance as Record<string, Listener>, name);
      }
    }
  }

  /** Whether anybody wants to know. */
  isAwaited(type: DeliveryEventType): boolean {
    return this.listeners.has(type);
  }

  /** Calls the listeners and resolves when they are done. Never rejects. */
  async publish(event: WhatsappDeliveryEvent): Promise<void> {
    const listeners = this.listeners.get(event.type) ?? [];
    await Promise.all(
      listeners.map(async ({ name, call }) => {
        try {
          await call(event);
        } catch (error) {
          this.logger.error(
            `Listener ${name} failed on ${event.type} of message ${event.messageId}`,
            error instanceof Error ? error.stack : String(error),
          );
        }
      }),
    );
  }

  private register(instance: Record<string, Listener>, name: string): void {
    const types: unknown = Reflect.getMetadata(LISTENS_TO, instance[name]);
    if (!Array.isArray(types)) return;
    const listener = {
      name: `${instance.constructor.name}.${name}`,
      call: (event: WhatsappDeliveryEvent) => instance[name](event),
    };
    for (const type of types as DeliveryEventType[]) {
      this.listeners.set(type, [...(this.listeners.get(type) ?? []), listener]);
    }
  }
}
