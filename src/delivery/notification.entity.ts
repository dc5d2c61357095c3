import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { InstantColumn } from '../database/columns.js';

export const NOTIFICATION_TABLE = 'twilio_whatsapp_notification';

/** One accepted request: all that its messages share. */
@Entity(NOTIFICATION_TABLE)
@Index(['idempotencyKey'], { unique: true })
@Index(['redactedAt', 'id'])
export class NotificationEntity {
  /** The `requestId`, a UUIDv7. */
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id: string;

  /** JSON of Twilio's body parameters, without those that differ from message to message. */
  @Column({ type: 'text' })
  parameters: string;

  /** Sealed credentials that came with the request and take the place of the instance's. */
  @Column({ type: 'text', nullable: true })
  credentials: string | null;

  /** JSON that the caller passes along to delivery events. */
  @Column({ type: 'text', nullable: true })
  data: string | null;

  @Column({ name: 'idempotency_key', type: 'varchar', length: 255, nullable: true })
  idempotencyKey: string | null;

  /** SHA-256 of the request that came with the idempotency key. */
  @Column({ type: 'varchar', length: 64, nullable: true })
  fingerprint: string | null;

  @InstantColumn({ name: 'created_at' })
  createdAt: number;

  /** When its content was erased: once that of all its messages is. */
  @InstantColumn({ name: 'redacted_at', nullable: true })
  redactedAt: number | null;
}
