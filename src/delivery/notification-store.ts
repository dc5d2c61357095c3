import { Injectable } from '@nestjs/common';
import { In } from 'typeorm';
import { Database } from '../database/database.js';
import { CredentialsCipher } from '../providers/credentials-cipher.js';
import type { TwilioCredentials, TwilioParameters } from '../twilio/twilio.gateway.js';
import { MESSAGE_TABLE } from './message.entity.js';
import { NOTIFICATION_TABLE, NotificationEntity } from './notification.entity.js';

/** What all messages of a notification are sent with. */
export interface Shipment {
  readonly parameters: TwilioParameters;
  /** Credentials that came with the request; absent when the instance's are used. */
  readonly credentials?: TwilioCredentials;
}

const MAX_CACHED = 1000;

/** Where the credentials of a notification are sealed to. */
export const credentialsPlace = (requestId: string): string =>
  `${NOTIFICATION_TABLE}:${requestId}:credentials`;

/** Reads what the messages of notifications share; the newest stay in memory. */
@Injectable()
export class NotificationStore {
  private readonly cache = new Map<string, Shipment>();

  constructor(
    private readonly database: Database,
    private readonly cipher: CredentialsCipher,
  ) {}

  /** Reads those that are not in memory yet, in one query. */
  async load(requestIds: readonly string[]): Promise<Map<string, Shipment>> {
    const wanted = new Set(requestIds);
    const missing = [...wanted].filter((id) => !this.cache.has(id));
    if (missing.length > 0) {
      const rows = await this.database.dataSource
        .getRepository(NotificationEntity)
        .findBy({ id: In(missing) });
      for (const row of rows) this.cache.set(row.id, this.open(row));
    }
    const found = new Map<string, Shipment>();
    for (const id of wanted) {
      const shipment = this.cache.get(id);
      if (shipment) found.set(id, shipment);
    }
    for (const id of this.cache.keys()) {
      if (this.cache.size <= MAX_CACHED) break;
      this.cache.delete(id);
    }
    return found;
  }

  async get(requestId: string): Promise<Shipment | undefined> {
    return (await this.load([requestId])).get(requestId);
  }

  /** The credentials that came along with the request of a message. */
  async credentialsOf(messageId: string): Promise<TwilioCredentials | undefined> {
    const [message] = await this.database.query<{ request_id: string }>(
      `SELECT request_id FROM ${MESSAGE_TABLE} WHERE id = ?`,
      messageId,
    );
    return message && (await this.get(message.request_id))?.credentials;
  }

  private open({ id, parameters, credentials }: NotificationEntity): Shipment {
    return {
      parameters: JSON.parse(parameters) as TwilioParameters,
      ...(credentials && {
        credentials: JSON.parse(
          this.cipher.open(credentials, credentialsPlace(id)),
        ) as TwilioCredentials,
      }),
    };
  }
}
