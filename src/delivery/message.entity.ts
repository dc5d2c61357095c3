import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { InstantColumn } from '../database/columns.js';
import type { EvidenceSource } from '../events/delivery-event.js';
import type { MessageStatus } from './message-state.js';

export const MESSAGE_TABLE = 'twilio_whatsapp_message';

/**
 * A notification for one recipient: the row that is queued, sent and tracked.
 *
 * Each index costs every message. The one on the instance serves the log alone: without it, the newest messages of an
 * instance that has few are found by reading those of all others, 470 ms for a million. It never changes, as its columns
 * do not, so it costs the insert 1.5 µs on SQLite. One on the status would cost five times that, for it changes
 * with each step of a message.
 */
@Entity(MESSAGE_TABLE)
@Index(['status', 'sender', 'dueAt', 'id'])
@Index(['requestId', 'id'])
@Index(['recipient', 'id'])
// For lookups in Twilio's list, which need every attempt to an address.
@Index(['to'])
@Index(['instanceId', 'id'])
export class MessageEntity {
  /** UUIDv7: messages sort by the time they were accepted. */
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id: string;

  @Column({ name: 'request_id', type: 'varchar', length: 36 })
  requestId: string;

  @Column({ type: 'varchar', length: 255 })
  recipient: string;

  @Column({ name: 'instance_id', type: 'varchar', length: 36 })
  instanceId: string;

  /** Absent when the recipient has no usable address; `reason` then says why. */
  @Column({ name: 'to_address', type: 'varchar', length: 160, nullable: true })
  to: string | null;

  /** Absent when a messaging service chooses the sender. */
  @Column({ name: 'from_address', type: 'varchar', length: 160, nullable: true })
  from: string | null;

  @Column({ type: 'varchar', length: 16 })
  status: MessageStatus;

  /** Whose queue it waits in; see `senderKey`. */
  @Column({ type: 'varchar', length: 232 })
  sender: string;

  /** Names the start that may speak for the message; one more when its time is over. */
  @Column({ type: 'int' })
  fence: number;

  @Column({ type: 'int' })
  attempts: number;

  /** Attempts up to this one have failed for certain, after Twilio had accepted them. */
  @Column({ name: 'failed_attempts', type: 'int' })
  failedAttempts: number;

  /** When the engine must act: send it, take it back, ask Twilio about it. Absent when it need not. */
  @InstantColumn({ name: 'due_at', nullable: true })
  dueAt: number | null;

  /** From when on it is not sent any more. */
  @InstantColumn({ name: 'expires_at' })
  expiresAt: number;

  /** How often Twilio was asked about it in its present status. */
  @Column({ type: 'int' })
  checks: number;

  /** To how many of these questions Twilio answered with a complete list that does not show it. */
  @Column({ name: 'not_found_count', type: 'int' })
  notFoundCount: number;

  @Column({ type: 'varchar', length: 34, nullable: true })
  sid: string | null;

  /** Where the SID was learnt; one that was guessed yields to proof. */
  @Column({ name: 'sid_source', type: 'varchar', length: 16, nullable: true })
  sidSource: EvidenceSource | null;

  @Column({ type: 'varchar', length: 40, nullable: true })
  reason: string | null;

  @Column({ type: 'text', nullable: true })
  explanation: string | null;

  @Column({ name: 'error_code', type: 'int', nullable: true })
  errorCode: number | null;

  @InstantColumn({ name: 'created_at' })
  createdAt: number;

  @InstantColumn({ name: 'sent_at', nullable: true })
  sentAt: number | null;

  @InstantColumn({ name: 'delivered_at', nullable: true })
  deliveredAt: number | null;

  @InstantColumn({ name: 'seen_at', nullable: true })
  seenAt: number | null;

  @InstantColumn({ name: 'discarded_at', nullable: true })
  discardedAt: number | null;

  /** When its content and phone number were erased. */
  @InstantColumn({ name: 'redacted_at', nullable: true })
  redactedAt: number | null;
}
