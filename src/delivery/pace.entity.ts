import { Column, Entity, PrimaryColumn } from 'typeorm';

export const PACE_TABLE = 'twilio_whatsapp_pace';

/** How far ahead of the time a sender, or an account, has sent. */
@Entity(PACE_TABLE)
export class PaceEntity {
  /** The `sender` of messages, or an account SID. */
  @PrimaryColumn({ type: 'varchar', length: 232 })
  id: string;

  /** Up to when what was sent is paid for, in microseconds since 1970. */
  @Column({ name: 'ahead_until', type: 'bigint' })
  aheadUntil: string;
}
