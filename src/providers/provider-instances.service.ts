import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { isDeepStrictEqual } from 'node:util';
import { DatabaseClock } from '../database/database-clock.js';
import { newId } from '../database/time-ordered-id.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import {
  ConflictError,
  NoProviderInstanceError,
  NotFoundError,
} from '../twilio-whatsapp.errors.js';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import type { ConfigurationCheck } from '../twilio/configuration-check.js';
import { TwilioGateway } from '../twilio/twilio.gateway.js';
import { CallbackUrls } from './callback-urls.js';
import { changeConfiguration } from './configuration.js';
import type { ProviderConfigDto } from './dto/provider-config.dto.js';
import type {
  CreateProviderInstanceDto,
  UpdateProviderInstanceDto,
} from './dto/provider-instance.dto.js';
import type { ProviderInstanceEntity } from './provider-instance.entity.js';
import { ProviderInstanceStore, type ProviderInstance } from './provider-instance.store.js';
import { providerInstanceView, type ProviderInstanceView } from './provider-instance.view.js';

/** Name of the instance that the module's own options describe. */
const CONFIGURED_NAME = 'default';

/** The provider instances: which there are, which one sends, and whether Twilio agrees with them. */
@Injectable()
export class ProviderInstances implements OnModuleInit {
  constructor(
    @InjectWhatsappOptions() private readonly options: TwilioWhatsappOptions,
    private readonly store: ProviderInstanceStore,
    private readonly clock: DatabaseClock,
    private readonly callbackUrls: CallbackUrls,
    private readonly gateway: TwilioGateway,
  ) {}

  /**
   * Brings the instance that the options describe in line with them, before anything is sent.
   *
   * @throws Error when a stored secret cannot be opened with the encryption keys
   */
  async onModuleInit(): Promise<void> {
    const { provider: config } = this.options;
    // Nothing is stored by another clock than the database's.
    await this.clock.synchronise();
    const existing = (await this.living()).find(({ row }) => row.name === CONFIGURED_NAME);
    if (!config) return;
    if (!existing) return this.createConfigured(config);
    const { row, configuration } = existing;
    // An API key that the options have no more is given up; a secondary token and a shared key stay until they are dropped.
    const change = { TWILIO_API_KEY_SID: null, TWILIO_API_KEY_SECRET: null, ...config };
    if (!isDeepStrictEqual(changeConfiguration(configuration, change), configuration)) {
      await this.update(row.id, { config: change });
    }
  }

  /**
   * Finds an instance by id, also a deleted one.
   *
   * @param maxAgeMs how old what is known of it may be
   */
  async find(id: string, maxAgeMs?: number): Promise<ProviderInstance | undefined> {
    return (await this.store.all(maxAgeMs)).get(id);
  }

  /** The instances that are not deleted, oldest first. */
  async living(transaction?: EntityManager): Promise<ProviderInstance[]> {
    return [...(await this.store.all(undefined, transaction)).values()].filter(
      ({ row }) => row.deletedAt === null,
    );
  }

  /**
   * Chooses the instance that sends.
   *
   * @param selector its id or name; without it, the default, or while that is disabled the oldest that is not
   * @param transaction on whose connection to read, for callers that hold one
   * @throws NotFoundError when the selector names none
   * @throws NoProviderInstanceError when none is enabled
   */
  async choose(selector?: string, transaction?: EntityManager): Promise<ProviderInstance> {
    const living = await this.living(transaction);
    const candidates = selector
      ? living.filter(({ row }) => row.id === selector || row.name === selector)
      : living.filter(({ row }) => row.enabled);
    if (selector && candidates.length === 0) throw new NotFoundError('provider instance', selector);
    const chosen = candidates.find(({ row }) => row.isDefault) ?? candidates[0];
    if (!chosen?.row.enabled) throw new NoProviderInstanceError();
    return chosen;
  }

  /** How many messages each sender of the instance sends in a second. */
  messagesPerSecond({ messagesPerSecond }: ProviderInstanceEntity): number {
    return messagesPerSecond ?? this.options.delivery.messagesPerSecond;
  }

  async list(): Promise<{ items: ProviderInstanceView[] }> {
    return { items: (await this.living()).map((instance) => this.view(instance)) };
  }

  async get(id: string): Promise<ProviderInstanceView> {
    return this.view(await this.require(id));
  }

  async create(dto: CreateProviderInstanceDto): Promise<ProviderInstanceView> {
    const now = this.clock.now();
    const id = newId(now);
    const isFirst = (await this.living()).length === 0;
    const made = await this.store.insert({
      id,
      name: dto.name,
      enabled: true,
      isDefault: dto.isDefault ?? isFirst,
      ...this.store.sealed(id, dto.config),
      messagesPerSecond: dto.messagesPerSecond ?? null,
      createdAt: now,
      updatedAt: now,
      deletedAt: null,
      version: 1,
    });
    return this.view(made);
  }

  async update(id: string, dto: UpdateProviderInstanceDto): Promise<ProviderInstanceView> {
    const { config, messagesPerSecond } = dto;
    return this.change(id, ({ row, configuration }) => ({
      name: dto.name ?? row.name,
      isDefault: dto.isDefault ?? row.isDefault,
      messagesPerSecond:
        messagesPerSecond === undefined ? row.messagesPerSecond : messagesPerSecond,
      ...(config && this.store.sealed(id, changeConfiguration(configuration, config))),
    }));
  }

  enable(id: string): Promise<ProviderInstanceView> {
    return this.change(id, () => ({ enabled: true }));
  }

  /** Holds the instance's messages back until it is enabled again. */
  disable(id: string): Promise<ProviderInstanceView> {
    return this.change(id, () => ({ enabled: false }));
  }

  /** Deletes the instance for callers; it stays for the callbacks of what it has sent. */
  async remove(id: string): Promise<{ id: string }> {
    // Its name is free again: the id, which nobody else has, takes the place.
    await this.change(id, () => ({
      name: id,
      enabled: false,
      isDefault: false,
      deletedAt: this.clock.now(),
    }));
    return { id };
  }

  async check(id: string): Promise<ConfigurationCheck> {
    const { row, credentials } = await this.require(id);
    return this.gateway.check(credentials, row.fromNumber);
  }

  private async change(
    id: string,
    changesTo: (before: ProviderInstance) => Partial<ProviderInstanceEntity>,
  ): Promise<ProviderInstanceView> {
    return this.view(await this.store.change(id, changesTo));
  }

  /** Another node that boots at the same time may be faster, with the same options or older ones. */
  private async createConfigured(config: ProviderConfigDto): Promise<void> {
    try {
      await this.create({ name: CONFIGURED_NAME, config });
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      await this.onModuleInit();
    }
  }

  private async require(id: string): Promise<ProviderInstance> {
    const instance = await this.find(id);
    if (!instance || instance.row.deletedAt !== null) {
      throw new NotFoundError('provider instance', id);
    }
    return instance;
  }

  private view({ row, configuration }: ProviderInstance): ProviderInstanceView {
    return providerInstanceView(row, {
      configuration,
      callbackUrl: this.callbackUrls.shownOfInstance(row.id),
      messagesPerSecond: this.messagesPerSecond(row),
    });
  }
}
