import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { DeliveryOptions, TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import {
  TwilioGateway,
  type TwilioCredentials,
  type TwilioParameters,
} from '../twilio/twilio.gateway.js';
import { messagingServiceOf } from '../twilio/whatsapp-address.js';
import { ATTEMPT_TABLE } from './attempt.entity.js';
import type { CheckedMessage } from './ledger.js';
import {
  judge,
  listedText,
  rivalRangeMs,
  type KnownSid,
  type LookupResult,
  type LostAttempt,
  type OpenAttempt,
} from './list-match.js';
import { MESSAGE_TABLE } from './message.entity.js';
import { isPresentForm } from '../users/phone-number.js';
import { NotificationStore } from './notification-store.js';

/** Looks for a message whose answer was lost in Twilio's list of the messages between two addresses. */
@Injectable()
export class ListLookup {
  private readonly options: DeliveryOptions;

  constructor(
    @InjectWhatsappOptions() { delivery }: TwilioWhatsappOptions,
    private readonly database: Database,
    private readonly notifications: NotificationStore,
    private readonly gateway: TwilioGateway,
  ) {
    this.options = delivery;
  }

  /** What the list says about the last attempt of the message; undefined when Twilio does not answer. */
  async find(
    message: CheckedMessage,
    credentials: TwilioCredentials,
    parameters: TwilioParameters,
  ): Promise<LookupResult | undefined> {
    const { to, from } = message;
    const startedAt = await this.startOf(message);
    // What was erased cannot be looked up any more.
    if (startedAt === undefined || to === null) return { kind: 'undecided', sids: [] };
    const list = await this.gateway.list(credentials, to, from);
    if (!list) return undefined;
    const lost = {
      startedAt,
      requestTimeoutMs: this.options.requestTimeoutMs,
      text: listedText(parameters),
      messagingServiceSid: messagingServiceOf(parameters),
    };
    // After the list: what made an entry of it was being sent by then.
    const known = await this.knownAmong(list.messages.map(({ sid }) => sid));
    const open = await this.openAttempts(message, lost);
    const result = judge(list, lost, { known, open, isExclusive: this.options.isExclusive });
    // Under another form of the number it would not be in this list.
    return result.kind === 'missing' && !isPresentForm(to)
      ? { kind: 'undecided', sids: [] }
      : result;
  }

  private async startOf({ id, attempts }: CheckedMessage): Promise<number | undefined> {
    const [attempt] = await this.database.query<{ started_at: string | number }>(
      `SELECT started_at FROM ${ATTEMPT_TABLE} WHERE message_id = ? AND no = ?`,
      id,
      attempts,
    );
    return attempt && Number(attempt.started_at);
  }

  private async knownAmong(sids: readonly string[]): Promise<KnownSid[]> {
    const rows = await this.database.query<{ sid: string; sid_source: KnownSid['source'] }>(
      `SELECT sid, sid_source FROM ${ATTEMPT_TABLE} WHERE sid IN (${this.database.dialect.rows({ sid: 'text' })})`,
      JSON.stringify(sids.map((sid) => ({ sid }))),
    );
    return rows.map(({ sid, sid_source: source }) => ({ sid, source }));
  }

  /** The attempts of the time between the two addresses that may have made an entry, whatever their messages are now. */
  private async openAttempts(
    { to, from }: CheckedMessage,
    lost: LostAttempt,
  ): Promise<OpenAttempt[]> {
    // A messaging service chooses the sender: it may have been this one.
    const sender = from === null ? '' : 'AND (m.from_address = ? OR m.from_address IS NULL)';
    const range = rivalRangeMs(lost);
    const rows = await this.database.query<{ request_id: string; outcome: string | null }>(
      `SELECT m.request_id, a.outcome FROM ${MESSAGE_TABLE} m JOIN ${ATTEMPT_TABLE} a ON a.message_id = m.id
        WHERE m.to_address = ? ${sender} AND a.started_at BETWEEN ? AND ?
          AND a.sid IS NULL AND (a.outcome IS NULL OR a.outcome = 'ambiguous')`,
      to,
      ...(from === null ? [] : [from]),
      lost.startedAt - range,
      lost.startedAt + range,
    );
    const shipments = await this.notifications.load(rows.map((row) => row.request_id));
    return rows.map(({ outcome, request_id: requestId }) => {
      const shipment = shipments.get(requestId);
      return { isSending: outcome === null, text: shipment && listedText(shipment.parameters) };
    });
  }
}
