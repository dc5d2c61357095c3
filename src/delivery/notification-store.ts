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

type SealedCredentials = Pick<Shipment, 'sealedCredentials'>;

interface NotificationRow {
  readonly id: string;
  readonly parameters: string;
  readonly credentials: string | null;
}

const MAX_CACHED = 2000;
const MAX_SIGNERS = 20_000;

/** Where the credentials of a notification are sealed to. */
export const credentialsPlace = (requestId: string): string =>
  `${NOTIFICATION_TABLE}:${requestId}:credentials`;

/** Reads what the messages of notifications share; the newest stay in memory. */
@Injectable()
export class NotificationStore {
  private readonly logger = new Logger(NotificationStore.name);
  private readonly cache = new Map<string, Shipment>();
  /** The messages that brought credentials along, for callbacks that come while the database is down. */
  private readonly signers = new Map<string, SealedCredentials & { readonly requestId: string }>();

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
    forgetOldest(this.cache, MAX_CACHED);
    return found;
  }

  /** Reads what these messages are sent with, and keeps in memory who will sign their callbacks. */
  async loadFor(
    messages: readonly { readonly id: string; readonly requestId: string }[],
  ): Promise<Map<string, Shipment>> {
    const found = await this.load(messages.map(({ requestId }) => requestId));
    for (const { id, requestId } of messages) this.keepSigner(id, requestId, found.get(requestId));
    forgetOldest(this.signers, MAX_SIGNERS);
    return found;
  }

  /** Keeps in memory what was just stored: it will be read soon. */
  keep(requestId: string, shipment: Shipment): void {
    this.cache.set(requestId, shipment);
    forgetOldest(this.cache, MAX_CACHED);
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
    { sealedCredentials }: SealedCredentials,
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
    if (!shipment) return undefined;
    this.keepSigner(messageId, message.request_id, shipment);
    forgetOldest(this.signers, MAX_SIGNERS);
    return this.credentialsFor(message.request_id, shipment);
  }

  /**
   * The credentials that came along with the request of a message, as far as they are in memory.
   *
   * @throws Error when the encryption key is not configured any more
   */
  knownCredentialsOf(messageId: string): TwilioCredentials | undefined {
    const known = this.signers.get(messageId);
    return known && this.credentialsFor(known.requestId, known);
  }

  private keepSigner(messageId: string, requestId: string, shipment?: Shipment): void {
    const { sealedCredentials } = shipment ?? {};
    if (sealedCredentials) this.signers.set(messageId, { requestId, sealedCredentials });
  }
}

function forgetOldest(map: Map<string, unknown>, max: number): void {
  if (map.size <= max) return;
  // Many at a time: a map that loses its first entry again and again is slow to find the next.
  for (const key of map.keys()) {
    map.delete(key);
    if (map.size <= max / 2) break;
  }
}

const shipmentOf = ({ parameters, credentials }: NotificationRow): Shipment => ({
  parameters: JSON.parse(parameters) as TwilioParameters,
  sealedCredentials: credentials ?? undefined,
});
