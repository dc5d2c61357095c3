import { Column, Entity, PrimaryColumn } from 'typeorm';
import { InstantColumn } from '../database/columns.js';
import type { DeliveryEventType, EvidenceSource } from './delivery-event.js';

export const DELIVERY_EVENT_TABLE = 'twilio_whatsapp_delivery_event';

/** One thing that was learnt about a message. Its key makes every repetition the same row. */
@Entity(DELIVERY_EVENT_TABLE)
export class DeliveryEventEntity {
  @PrimaryColumn({ name: 'message_id', type: 'varchar', length: 36 })
  messageId: string;

  /** Empty when Twilio never gave the message a SID. */
  @PrimaryColumn({ type: 'varchar', length: 34 })
  sid: string;

  /** Twilio's own status, or what the engine or an operator did. */
  @PrimaryColumn({ name: 'provider_status', type: 'varchar', length: 32 })
  providerStatus: string;

  /** 0 when there was no error. */
  @PrimaryColumn({ name: 'error_code', type: 'int' })
  errorCode: number;

  /** Absent for a status of Twilio's that this version does not know. */
  @Column({ type: 'varchar', length: 16, nullable: true })
  type: DeliveryEventType | null;

  @Column({ type: 'text', nullable: true })
  explanation: string | null;

  @Column({ type: 'varchar', length: 16 })
  source: EvidenceSource;

  @InstantColumn({ name: 'occurred_at' })
  occurredAt: number;

  /** What came in, redacted, in JSON; absent when nothing did. */
  @Column({ type: 'text', nullable: true })
  raw: string | null;
}
