import { IsIn, Matches } from 'class-validator';
import { MayBeAbsent } from '../../validation/may-be-absent.js';
import { IsPlainText } from '../../validation/plain-text.js';
import { MESSAGE_SID } from '../../twilio/outcome.js';
import type { Resolution } from '../evidence.js';

/** Body of `POST messages/:id/resolve`. */
export class ResolveMessageDto {
  /** What the operator found: it was sent, it was not, or it was not and is to be sent again. */
  @IsIn(['sent', 'discarded', 'queued'])
  status: Resolution['status'];

  /** Twilio's SID of a message that was sent, so that its callbacks and Twilio's list can be matched. */
  @MayBeAbsent()
  @Matches(MESSAGE_SID, { message: 'sid must be SM or MM and 32 hexadecimal digits' })
  sid?: string;

  @MayBeAbsent()
  @IsPlainText(500)
  explanation?: string;
}
