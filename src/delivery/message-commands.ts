import { Injectable } from '@nestjs/common';
import { DatabaseClock } from '../database/database-clock.js';
import { ConflictError, MessageStateError, NotFoundError } from '../twilio-whatsapp.errors.js';
import { Dispatcher } from './dispatcher.js';
import type { ResolveMessageDto } from './dto/resolve-message.dto.js';
import { MessageLedger } from './ledger.js';
import { MessageLog } from './message-log.js';
import type { Evidence } from './evidence.js';
import type { MessageDetailView } from './message.view.js';

/** What operators may do to a message. */
@Injectable()
export class MessageCommands {
  constructor(
    private readonly clock: DatabaseClock,
    private readonly ledger: MessageLedger,
    private readonly log: MessageLog,
    private readonly dispatcher: Dispatcher,
  ) {}

  /** @throws MessageStateError when the message is being sent or was sent */
  cancel(id: string): Promise<MessageDetailView> {
    return this.apply(
      id,
      { kind: 'canceled', at: this.clock.now() },
      'Only what is queued can be cancelled',
    );
  }

  /** @throws MessageStateError when the fate of the message is known */
  async resolve(id: string, resolution: ResolveMessageDto): Promise<MessageDetailView> {
    const resolved = await this.apply(
      id,
      { kind: 'resolved', at: this.clock.now(), ...resolution },
      'Only what is unknown can be resolved',
    );
    this.dispatcher.wake();
    return resolved;
  }

  private async apply(id: string, evidence: Evidence, rule: string): Promise<MessageDetailView> {
    const { applied, state, isSidTaken } = await this.ledger.record(id, evidence);
    if (!state) throw new NotFoundError('message', id);
    if (isSidTaken) throw new ConflictError('sid belongs to another message.');
    if (!applied) {
      throw new MessageStateError(`${rule}: message ${id} is ${state.status}.`);
    }
    return this.log.get(id);
  }
}
