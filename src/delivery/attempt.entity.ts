import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { InstantColumn } from '../database/columns.js';
import type { EvidenceSource } from '../events/delivery-event.js';
import type { AttemptOutcome } from './message-state.js';

export const ATTEMPT_TABLE = 'twilio_whatsapp_attempt';

/** One POST of a message to Twilio. The row is committed before the first byte leaves. */
@Entity(ATTEMPT_TABLE)
@Index(['sid'], { unique: true })
export class AttemptEntity {
  @PrimaryColumn({ name: 'message_id', type: 'varchar', length: 36 })
  messageId: string;

  @PrimaryColumn({ type: 'int' })
  no: number;

  @InstantColumn({ name: 'started_at' })
  startedAt: number;

  @InstantColumn({ name: 'ended_at', nullable: true })
  endedAt: number | null;

  /** Absent while the request is under way. */
  @Column({ type: 'varchar', length: 16, nullable: true })
  outcome: AttemptOutcome | null;

  @Column({ name: 'http_status', type: 'int', nullable: true })
  httpStatus: number | null;

  @Column({ name: 'error_code', type: 'int', nullable: true })
  errorCode: number | null;

  @Column({ type: 'varchar', length: 34, nullable: true })
  sid: string | null;

  /** Where the SID was learnt; one that was guessed yields to proof. */
  @Column({ name: 'sid_source', type: 'varchar', length: 16, nullable: true })
  sidSource: EvidenceSource | null;

  /** What happened, in words without secrets. */
  @Column({ type: 'varchar', length: 255, nullable: true })
  detail: string | null;
}
