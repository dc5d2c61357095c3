import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import {
  ContextIdFactory,
  DiscoveryService,
  MetadataScanner,
  ModuleRef,
  type ContextId,
} from '@nestjs/core';
import type { DeliveryEventType, WhatsappDeliveryEvent } from './delivery-event.js';
import { LISTENS_TO } from './on-whatsapp-event.decorator.js';

/** A provider or controller as Nest keeps it. */
type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

type Instance = Record<string, (event: WhatsappDeliveryEvent) => unknown>;

interface Listener {
  readonly name: string;
  readonly call: (event: WhatsappDeliveryEvent) => unknown;
}

/** Finds the methods decorated with `@OnWhatsappEvent` and calls them. */
@Injectable()
export class EventPublisher implements OnApplicationBootstrap {
  private readonly logger = new Logger(EventPublisher.name);
  private readonly listeners = new Map<DeliveryEventType, Listener[]>();
  /** All scoped listeners of an event share the providers of one context. */
  private readonly contexts = new WeakMap<WhatsappDeliveryEvent, ContextId>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly moduleRef: ModuleRef,
  ) {}

  onApplicationBootstrap(): void {
    const registered = new Set<object>();
    for (const wrapper of [...this.discovery.getProviders(), ...this.discovery.getControllers()]) {
      const instance: unknown = wrapper.isAlias ? undefined : wrapper.instance;
      if (typeof instance !== 'object' || instance === null) continue;
      // A factory can return another provider's instance, and a value can have several tokens.
      if (registered.has(instance)) continue;
      registered.add(instance);
      const methods = this.scanner.getAllMethodNames(Object.getPrototypeOf(instance) as object);
      for (const method of methods) this.register(wrapper, instance as Instance, method);
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

  private register(wrapper: Wrapper, instance: Instance, method: string): void {
    const types: unknown = Reflect.getMetadata(LISTENS_TO, instance[method]);
    if (!Array.isArray(types)) return;
    const isStatic = wrapper.isDependencyTreeStatic() && !wrapper.isTransient;
    const resolve = inOrder((event) => this.resolve(wrapper, event));
    const listener: Listener = {
      name: `${instance.constructor.name}.${method}`,
      call: isStatic
        ? (event) => instance[method](event)
        : async (event) => (await resolve(event))[method](event),
    };
    for (const type of types as DeliveryEventType[]) {
      this.listeners.set(type, [...(this.listeners.get(type) ?? []), listener]);
    }
  }

  /** Makes the instance that a scoped provider has for this event, with its dependencies. */
  private resolve({ host, token }: Wrapper, event: WhatsappDeliveryEvent): Promise<Instance> {
    // Several modules can have a provider of this token.
    const { instance: moduleRef } = host!.getProviderByKey<ModuleRef>(ModuleRef);
    return moduleRef.resolve<Instance>(token as string, this.contextOf(event));
  }

  private contextOf(event: WhatsappDeliveryEvent): ContextId {
    let context = this.contexts.get(event);
    if (!context) {
      // In the form of `@nestjs/event-emitter`, which strategies for durable providers may know.
      context = ContextIdFactory.getByRequest({ payload: event });
      this.moduleRef.registerRequestByContextId(event, context);
      this.contexts.set(event, context);
    }
    return context;
  }
}

/** Resolves the instances for a message one after the other: one that takes long must not let its later events overtake. */
function inOrder(resolve: (event: WhatsappDeliveryEvent) => Promise<Instance>) {
  const lasts = new Map<string, Promise<unknown>>();
  return (event: WhatsappDeliveryEvent): Promise<Instance> => {
    const { messageId } = event;
    const instance = (lasts.get(messageId) ?? Promise.resolve()).then(() => resolve(event));
    const last = instance
      .catch(() => undefined)
      .finally(() => {
        if (lasts.get(messageId) === last) lasts.delete(messageId);
      });
    lasts.set(messageId, last);
    return instance;
  };
}
