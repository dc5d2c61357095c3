import { Controller, Inject, Injectable, Module, Scope, type Type } from '@nestjs/common';
import { ContextIdFactory, REQUEST, type ContextIdStrategy } from '@nestjs/core';
import { setTimeout as sleep } from 'node:timers/promises';
import { EventSubscriber, type EntitySubscriberInterface } from 'typeorm';
import { MessageEntity } from '../../src/delivery/message.entity.js';
import { OnWhatsappEvent, type WhatsappDeliveryEvent } from '../../src/index.js';
import { startApplication, type TestSettings } from '../support/application.js';

const STATUSES = ['sent', 'delivered', 'seen'] as const;

/** What listeners were called with, and what they saw. */
@Injectable()
class Journal {
  readonly entries: string[] = [];
  /** What the application logged as an error. */
  readonly errors: string[] = [];
}

/** Says which instance of it somebody has. */
let made = 0;
@Injectable({ scope: Scope.REQUEST })
class Cart {
  readonly no = ++made;
}

@Module({ providers: [Journal], exports: [Journal] })
class JournalModule {}

type ModuleMetadata = Parameters<typeof Module>[0];

function hostModule({ imports = [], ...metadata }: ModuleMetadata): Type {
  @Module({ imports: [JournalModule, ...imports], ...metadata })
  class HostModule {}
  return HostModule;
}

/** Boots a host with these providers, sends one message that is read, and shows what its listeners noted. */
async function notedBy(
  modules: ModuleMetadata[],
  settings: TestSettings = {},
  notifications = 1,
): Promise<Journal> {
  const t = await startApplication({ ...settings, imports: modules.map(hostModule) });
  const journal = t.app.get(Journal, { strict: false });
  const ignore = () => undefined;
  t.app.useLogger({
    log: ignore,
    warn: ignore,
    error: (...texts: unknown[]) => journal.errors.push(texts.join(' ')),
  });
  try {
    for (let count = 0; count < notifications; count++) {
      const recipients = [{ identifier: 'anand', phoneNumber: '+447700900100' }];
      const body = { notification: { title: 'Hello' }, sendTo: { recipients } };
      const { requestId } = (await t.api().post('/v3/notifications').send(body).expect(202)).body;
      await t.listener.waitFor((e) => e.type === 'seen' && e.requestId === requestId);
    }
  } finally {
    // Listeners are waited for.
    await t.stop();
  }
  return journal;
}

@Injectable()
class Watcher {
  constructor(private readonly journal: Journal) {}

  @OnWhatsappEvent(...STATUSES)
  note({ type }: WhatsappDeliveryEvent): void {
    this.journal.entries.push(type);
  }
}

describe('listeners', () => {
  beforeEach(() => {
    made = 0;
  });

  it('are called once, whatever other tokens lead to their provider', async () => {
    const { entries } = await notedBy([
      {
        providers: [
          Watcher,
          { provide: 'alias', useExisting: Watcher },
          { provide: 'alias of an alias', useExisting: 'alias' },
          { provide: 'factory', useFactory: (watcher: Watcher) => watcher, inject: [Watcher] },
        ],
      },
    ]);
    expect(entries).toEqual(['sent', 'delivered', 'seen']);
  });

  it('are called on each provider of a class that several modules have', async () => {
    const { entries } = await notedBy([{ providers: [Watcher] }, { providers: [Watcher] }]);
    expect(entries).toEqual(['sent', 'sent', 'delivered', 'delivered', 'seen', 'seen']);
  });

  it('in request scope are made for each event, with their dependencies', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Scoped {
      constructor(
        private readonly journal: Journal,
        private readonly cart: Cart,
        @Inject(REQUEST) private readonly request: WhatsappDeliveryEvent,
      ) {}

      @OnWhatsappEvent(...STATUSES)
      note(event: WhatsappDeliveryEvent): void {
        const isItsOwn = this.request === event;
        this.journal.entries.push(`${event.type} cart ${this.cart.no} ${isItsOwn}`);
      }
    }
    @Injectable()
    class Dependent {
      constructor(
        private readonly journal: Journal,
        private readonly cart: Cart,
      ) {}

      @OnWhatsappEvent('seen')
      note(): void {
        this.journal.entries.push(`dependent cart ${this.cart.no}`);
      }
    }
    const { entries } = await notedBy([
      { providers: [Cart, Scoped, Dependent, { provide: 'alias', useExisting: Scoped }] },
    ]);
    expect(entries.toSorted()).toEqual([
      'delivered cart 2 true',
      'dependent cart 3',
      'seen cart 3 true',
      'sent cart 1 true',
    ]);
  });

  it('in request scope are found in the module that they belong to', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Scoped {
      constructor(
        private readonly journal: Journal,
        @Inject('shop') private readonly shop: string,
      ) {}

      @OnWhatsappEvent('seen')
      note(): void {
        this.journal.entries.push(this.shop);
      }
    }
    const { entries } = await notedBy(
      ['books', 'shoes'].map((shop) => ({
        providers: [Scoped, { provide: 'shop', useValue: shop }],
      })),
    );
    expect(entries.toSorted()).toEqual(['books', 'shoes']);
  });

  it('in transient scope and in scoped controllers have their dependencies', async () => {
    @Injectable({ scope: Scope.TRANSIENT })
    class Transient {
      constructor(private readonly journal: Journal) {}

      @OnWhatsappEvent('seen')
      note(): void {
        this.journal.entries.push('transient');
      }
    }
    @Controller({ path: 'carts', scope: Scope.REQUEST })
    class Carts {
      constructor(
        private readonly journal: Journal,
        private readonly cart: Cart,
      ) {}

      @OnWhatsappEvent('seen')
      note(): void {
        this.journal.entries.push(`controller cart ${this.cart.no}`);
      }
    }
    const { entries } = await notedBy([{ providers: [Cart, Transient], controllers: [Carts] }]);
    expect(entries.toSorted()).toEqual(['controller cart 1', 'transient']);
  });

  it('that are durable are shared by the events of a tenant', async () => {
    @Injectable({ scope: Scope.REQUEST, durable: true })
    class Durable {
      private readonly no = ++made;

      constructor(private readonly journal: Journal) {}

      @OnWhatsappEvent(...STATUSES)
      note({ type }: WhatsappDeliveryEvent): void {
        this.journal.entries.push(`${type} ${this.no}`);
      }
    }
    const tenants = new Map<string, { id: number }>();
    const byRequest: ContextIdStrategy<{ payload: WhatsappDeliveryEvent }> = {
      attach(contextId, { payload }) {
        const tenant = tenants.get(payload.requestId) ?? ContextIdFactory.create();
        tenants.set(payload.requestId, tenant);
        return ({ isTreeDurable }) => (isTreeDurable ? tenant : contextId);
      },
    };
    ContextIdFactory.apply(byRequest);
    try {
      const { entries } = await notedBy([{ providers: [Durable] }], {}, 2);
      expect(entries).toEqual(
        [1, 2].flatMap((tenant) => STATUSES.map((status) => `${status} ${tenant}`)),
      );
    } finally {
      Object.assign(ContextIdFactory, { strategy: undefined });
    }
  });

  it('that cannot be made are named in the log, and hold up no other', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Broken {
      constructor() {
        throw new Error('no such customer');
      }

      @OnWhatsappEvent('seen')
      note(): void {}
    }
    const { entries, errors } = await notedBy([{ providers: [Broken, Watcher] }]);
    expect(entries).toEqual([...STATUSES]);
    expect(errors).toEqual([
      expect.stringMatching(/^Listener Broken\.note failed on seen of message .*no such customer/),
    ]);
  });

  it('are told in order, also when the first instance takes long to make', async () => {
    const slow = {
      provide: 'slow',
      scope: Scope.REQUEST,
      useFactory: () => sleep(++made === 1 ? 200 : 0),
    };
    @Injectable()
    class Late {
      constructor(
        private readonly journal: Journal,
        @Inject('slow') readonly nothing: undefined,
      ) {}

      @OnWhatsappEvent(...STATUSES)
      note({ type }: WhatsappDeliveryEvent): void {
        this.journal.entries.push(type);
      }
    }
    const { entries } = await notedBy([{ providers: [slow, Late] }]);
    expect(entries).toEqual([...STATUSES]);
  });

  it('are told in order, also when the first message takes long to read', async () => {
    let loads = 0;
    /** The first that reads a message that was sent waits for it. */
    @EventSubscriber()
    class SlowFirstRead implements EntitySubscriberInterface<MessageEntity> {
      listenTo = () => MessageEntity;

      async afterLoad({ status }: MessageEntity): Promise<void> {
        if (status !== 'queued' && status !== 'sending' && ++loads === 1) await sleep(300);
      }
    }
    const { entries } = await notedBy([{ providers: [Watcher] }], {
      dataSource: (options) => ({ ...options, subscribers: [SlowFirstRead] }),
    });
    expect(loads).toBeGreaterThan(1);
    expect(entries).toEqual([...STATUSES]);
  });
});
