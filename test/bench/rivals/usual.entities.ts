import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A message as a NestJS application usually keeps it. */
@Entity('usual_message')
export class UsualMessage {
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id: string;

  @Column({ name: 'to_address', type: 'varchar', length: 160 })
  to: string;

  @Column({ type: 'text' })
  body: string;

  @Column({ type: 'varchar', length: 16 })
  status: string;

  @Index({ unique: true })
  @Column({ type: 'varchar', length: 34, nullable: true })
  sid: string | null;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  @Column({ name: 'updated_at', type: 'bigint' })
  updatedAt: number;
}

/** A callback as a NestJS application usually logs it. */
@Entity('usual_event')
export class UsualEvent {
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id: string;

  @Index()
  @Column({ name: 'message_id', type: 'varchar', length: 36 })
  messageId: string;

  @Column({ type: 'varchar', length: 16 })
  status: string;

  @Column({ name: 'occurred_at', type: 'bigint' })
  occurredAt: number;
}
