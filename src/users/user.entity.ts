import { Column, Entity, PrimaryColumn } from 'typeorm';
import { InstantColumn } from '../database/columns.js';

export const USER_TABLE = 'twilio_whatsapp_user';

/** A recipient with a profile. */
@Entity(USER_TABLE)
export class UserEntity {
  @PrimaryColumn({ type: 'varchar', length: 255 })
  identifier: string;

  /** JSON object of arbitrary attributes. */
  @Column({ type: 'text' })
  profile: string;

  /** The profile's `phoneNumber`, beside it so that thousands can be looked up at once. */
  @Column({ name: 'phone_number', type: 'varchar', length: 160, nullable: true })
  phoneNumber: string | null;

  @InstantColumn({ name: 'created_at' })
  createdAt: number;

  @InstantColumn({ name: 'updated_at' })
  updatedAt: number;
}
