import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { DatabaseClock } from '../database/database-clock.js';
import { newId } from '../database/time-ordered-id.js';
import type { NewMessage } from '../delivery/acceptance.js';
import type { Refusal } from '../delivery/refusals.js';
import { InjectUserDirectory, InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { fromWhatsappAddress } from '../twilio/whatsapp-address.js';
import { hasAddressForm, isWhatsappAddress } from '../users/phone-number.js';
import type { UserDirectory } from '../users/user-directory.js';
import type { Recipient } from './recipients.js';

/** Finds where recipients can be reached. */
@Injectable()
export class RecipientAddresses {
  constructor(
    @InjectWhatsappOptions() private readonly options: TwilioWhatsappOptions,
    @InjectUserDirectory() private readonly directory: UserDirectory,
    private readonly clock: DatabaseClock,
  ) {}

  /**
   * A message for each recipient; for those who cannot be reached one that says why.
   *
   * @param plan the address that takes the place of everybody's own, if there is one, and when the messages are due
   * @param transaction on whose connection users are looked up, for callers that hold one
   */
  async messagesFor(
    recipients: readonly Recipient[],
    { to, dueAt }: { readonly to?: unknown; readonly dueAt: number },
    transaction?: EntityManager,
  ): Promise<NewMessage[]> {
    if (typeof to === 'string') {
      return recipients.map(({ identifier }) =>
        this.addressed(identifier, to, dueAt, hasAddressForm),
      );
    }
    const strangers = recipients.filter(({ profile }) => profile?.phoneNumber === undefined);
    // On the host's own connection: to wait for another while it holds one could be to wait forever.
    const found = await this.directory.find(
      strangers.map(({ identifier }) => identifier),
      transaction,
    );
    const phones = new Map(found.map(({ identifier, phoneNumber }) => [identifier, phoneNumber]));
    return recipients.map(({ identifier, profile }) => {
      const isKnown = profile !== undefined || phones.has(identifier);
      const phone = profile?.phoneNumber ?? phones.get(identifier);
      if (phone !== undefined && phone !== null && phone !== '') {
        return this.addressed(identifier, phone, dueAt);
      }
      return this.unreachable(identifier, isKnown ? 'phone_missing' : 'recipient_unknown');
    });
  }

  /** @param isFit what an address must be: one that a request names is tried if it looks like one */
  private addressed(
    recipient: string,
    address: unknown,
    dueAt: number,
    isFit = isWhatsappAddress,
  ): NewMessage {
    const to = typeof address === 'string' ? fromWhatsappAddress(address) : '';
    if (!isFit(to)) return this.unreachable(recipient, 'phone_invalid');
    const expiresAt = dueAt + this.options.delivery.expireAfterMs;
    return { id: newId(this.clock.now()), recipient, to, dueAt, expiresAt };
  }

  /** A message that says why: no need to wait for the time it was scheduled for, this will not change. */
  private unreachable(recipient: string, reason: Refusal): NewMessage {
    const now = this.clock.now();
    return {
      id: newId(now),
      recipient,
      reason,
      dueAt: now,
      expiresAt: now + this.options.delivery.expireAfterMs,
    };
  }
}
