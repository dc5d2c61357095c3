import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { FlagColumn, InstantColumn } from '../database/columns.js';

export const PROVIDER_INSTANCE_TABLE = 'twilio_whatsapp_provider_instance';

/** One stored, encrypted configuration of the provider, with a callback URL of its own. */
@Entity(PROVIDER_INSTANCE_TABLE)
@Index(['name'], { unique: true })
export class ProviderInstanceEntity {
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id: string;

  @Column({ type: 'varchar', length: 100 })
  name: string;

  @FlagColumn({})
  enabled: boolean;

  @FlagColumn({ name: 'is_default' })
  isDefault: boolean;

  @Column({ name: 'account_sid', type: 'varchar', length: 34 })
  accountSid: string;

  /** The sealed auth token. */
  @Column({ name: 'auth_token', type: 'text' })
  authToken: string;

  /** The sealed auth token that may sign callbacks too, while tokens are rotated. */
  @Column({ name: 'secondary_auth_token', type: 'text', nullable: true })
  secondaryAuthToken: string | null;

  /** The sealed SharedKey that Twilio signs callbacks with where a Webhook Rule says so; two of them while they are rotated. */
  @Column({ name: 'shared_key', type: 'text', nullable: true })
  sharedKey: string | null;

  @Column({ name: 'api_key_sid', type: 'varchar', length: 34, nullable: true })
  apiKeySid: string | null;

  /** The sealed secret of the API key. */
  @Column({ name: 'api_key_secret', type: 'text', nullable: true })
  apiKeySecret: string | null;

  @Column({ name: 'from_number', type: 'varchar', length: 16 })
  fromNumber: string;

  /** Absent for the rate that the options give. */
  @Column({ name: 'messages_per_second', type: 'int', nullable: true })
  messagesPerSecond: number | null;

  @InstantColumn({ name: 'created_at' })
  createdAt: number;

  @InstantColumn({ name: 'updated_at' })
  updatedAt: number;

  /** A deleted instance stays for the callbacks of the messages that it sent. */
  @InstantColumn({ name: 'deleted_at', nullable: true })
  deletedAt: number | null;

  /** One more with every change: which of two states that were read is the later one. */
  @Column({ type: 'int' })
  version: number;
}
