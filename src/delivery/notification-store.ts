import { Injectable, Logger } from '@nestjs/common';
import { Database } from '../database/database.js';
import { CredentialsCipher } from '../providers/credentials-cipher.js';
import type { TwilioCredentials, TwilioParameters } from '../twilio/twilio.gateway.js';
import { MESSAGE_TABLE } from './message.entity.js';
import { NOTIFICATION_TABLE } from './notification.entity.js';

/** What all messages of a notification are sent with. */
export interface Shipment {
  readonly parameters: TwilioParameters;
  /** Sealed credentials that came with the request; absent when the instance's are used. */
  readonly sealedCredentials?: string;
}

interface NotificationRow {
  readonly id: string;
  readonly parameters: string;
  readonly credentials: string | null;
}

const MAX_CACHED = 2000;

/** Where the credentials of a notification are sealed to. */
export const credentialsPlace = (requestId: string): string =>
  `${NOTIFICATION_TABLE}:${requestId}:credentials`;

/** Reads what the messages of notifications share; the newest stay in memory. */
@Injectable()
export class NotificationStore {
  private readonly logger = new Logger(NotificationStore.name);
  private readonly cache = new Map<string, Shipment>();

  constructor(
    private readonly database: Database,
    private readonly cipher: CredentialsCipher,
  ) {}

  /** Reads those that are not in memory yet, in one query. */
  async load(requestIds: readonly string[]): Promise<Map<string, Shipment>> {
    const wanted = new Set(requestIds);
    // Taken before anybody is waited for, who may make room in the cache.
    const found = new Map<string, Shipment>();
    for (const id of wanted) {
      const shipment = this.cache.get(id);
      if (shipment) found.set(id, shipment);
    }
    const missing = [...wanted].filter((id) => !found.has(id));
    if (missing.length > 0) {
      const rows = await this.database.query<NotificationRow>(
        `SELECT id, parameters, credentials FROM ${NOTIFICATION_TABLE} WHERE id IN (${this.database.dialect.rows({ id: 'text' })})`,
        JSON.stringify(missing.map((id) => ({ id }))),
      );
      for (const row of rows) {
        const shipment = this.remember(row);
        if (shipment) found.set(row.id, shipment);
      }
    }
    this.forgetOldest();
    return found;
  }

  /** Keeps in memory what was just stored: it will be read soon. */
  keep(requestId: string, shipment: Shipment): void {
    this.cache.set(requestId, shipment);
    this.forgetOldest();
  }

  private forgetOldest(): void {
    if (this.cache.size <= MAX_CACHED) return;
    // Many at a time: a map that loses its first entry again and again is slow to find the next.
    for (const id of this.cache.keys()) {
      this.cache.delete(id);
      if (this.cache.size <= MAX_CACHED / 2) break;
    }
  }

  async get(requestId: string): Promise<Shipment | undefined> {
    return (await this.load([requestId])).get(requestId);
  }

  /** One that cannot be read must not keep the others back. */
  private remember(row: NotificationRow): Shipment | undefined {
    try {
      const shipment = shipmentOf(row);
      this.cache.set(row.id, shipment);
      return shipment;
    } catch (error) {
      this.logger.error(`Notification ${row.id} cannot be read`, error);
      return undefined;
    }
  }

  /** @throws Error when the encryption key is not configured any more */
  credentialsFor(
    requestId: string,
    { sealedCredentials }: Shipment,
  ): TwilioCredentials | undefined {
    if (!sealedCredentials) return undefined;
    const opened = this.cipher.open(sealedCredentials, credentialsPlace(requestId));
    return JSON.parse(opened) as TwilioCredentials;
  }

  /** The credentials that came along with the request of a message. */
  async credentialsOf(messageId: string): Promise<TwilioCredentials | undefined> {
    const [message] = await this.database.query<{ request_id: string }>(
      `SELECT request_id FROM ${MESSAGE_TABLE} WHERE id = ?`,
      messageId,
    );
    const shipment = message && (await this.get(message.request_id));
    return shipment && this.credentialsFor(message.request_id, shipment);
  }
}

const shipmentOf = ({ parameters, credentials }: NotificationRow): Shipment => ({
  parameters: JSON.parse(parameters) as TwilioParameters,
  sealedCredentials: credentials ?? undefined,
});
