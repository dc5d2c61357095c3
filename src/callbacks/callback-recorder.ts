import { ForbiddenException, Injectable, Logger } from '@nestjs/common';
import { Database } from '../database/database.js';
import { MessageLedger } from '../delivery/ledger.js';
import { ATTEMPT_TABLE } from '../delivery/attempt.entity.js';
import { MESSAGE_TABLE } from '../delivery/message.entity.js';
import { reportOf } from '../delivery/report.js';
import { isProof, type EvidenceSource } from '../events/delivery-event.js';
import { CallbackUrls, type CallbackPath } from '../providers/callback-urls.js';
import type { Callback } from './callback-request.js';
import { CallbackVerifier } from './callback-verifier.js';
import type { ReportedStatus } from './reported-status.js';

/** Messages that may have had the same SID by a guess, one after the other, while a status comes in. */
const MAX_OWNERS = 3;

/** An attempt that has a SID. */
interface SidRow {
  readonly id: string;
  readonly no: number;
  readonly sid: string;
  readonly sid_source: EvidenceSource | null;
}

/** Records what callbacks say that are Twilio's. */
@Injectable()
export class CallbackRecorder {
  private readonly logger = new Logger(CallbackRecorder.name);
  /** How many callbacks were recorded since the process began. */
  recordedCount = 0;

  constructor(
    private readonly verifier: CallbackVerifier,
    private readonly callbackUrls: CallbackUrls,
    private readonly database: Database,
    private readonly ledger: MessageLedger,
  ) {}

  /**
   * Checks a callback and records it; resolves after the commit. A message that is gone, or never was, is none of the
   * sender's business: that is no error.
   *
   * @throws ForbiddenException when Twilio did not sign it
   */
  async record(callback: Callback): Promise<void> {
    await this.recordStatuses(callback);
    this.recordedCount++;
  }

  private async recordStatuses(callback: Callback): Promise<void> {
    const { target, at } = callback;
    const statuses = await this.verifier
      .statusesOf(callback)
      .catch((error: unknown) => this.unlessGone(target, error));
    const proven = statuses.map((status) => ({
      status,
      path: 'messageId' in target ? target : this.namedBy(status, target.instanceId),
    }));
    const bySid = proven.flatMap(({ status, path }) => (path ? [] : [status]));
    await Promise.all([
      ...proven.map(async ({ status, path }) => {
        if (!path) return;
        const { messageId, attempt } = path;
        const report = reportOf(status, { matchedBy: 'url', attempt });
        await this.ledger.record(messageId, { ...report, at });
      }),
      this.recordBySid(target.instanceId, bySid, at),
    ]);
  }

  /** Statuses that name nothing but their SID count for the message that has it, at the time of the commit. */
  private async recordBySid(
    instanceId: string,
    statuses: readonly ReportedStatus[],
    at: number,
  ): Promise<void> {
    let left = statuses;
    for (let tries = 0; left.length > 0 && tries < MAX_OWNERS; tries++) {
      const known = await this.messagesOf(instanceId, left);
      const recorded = await Promise.all(
        left.map(async (status) => {
          const holder = known.get(status.sid);
          if (!holder) return undefined;
          const attempt = isProof(holder.sid_source) ? holder.no : undefined;
          const report = reportOf(status, { matchedBy: 'sid', attempt });
          const { state } = await this.ledger.record(holder.id, { ...report, at });
          // The SID was proven to be another message's in between.
          const isStale = state !== undefined && attempt === undefined && state.sid !== status.sid;
          return isStale ? status : undefined;
        }),
      );
      left = recorded.filter((status) => status !== undefined);
    }
    for (const { sid, providerStatus } of left) {
      this.logger.error(
        `${providerStatus} of ${sid} was not stored: its message changed too often`,
      );
    }
  }

  /** Of a message that was deleted with the credentials it brought along, nobody can tell who may sign. */
  private async unlessGone(target: Callback['target'], error: unknown): Promise<[]> {
    if (!('messageId' in target) || !(error instanceof ForbiddenException)) throw error;
    const [message] = await this.database.query(
      `SELECT id FROM ${MESSAGE_TABLE} WHERE id = ?`,
      target.messageId,
    );
    if (message) throw error;
    return [];
  }

  private async messagesOf(
    instanceId: string,
    statuses: readonly ReportedStatus[],
  ): Promise<Map<string, SidRow>> {
    const rows = await this.database.query<SidRow>(
      `SELECT m.id, a.no, a.sid, a.sid_source FROM ${ATTEMPT_TABLE} a JOIN ${MESSAGE_TABLE} m ON m.id = a.message_id
        WHERE m.instance_id = ? AND a.sid IN (${this.database.dialect.rows({ sid: 'text' })})`,
      instanceId,
      JSON.stringify(statuses.map(({ sid }) => ({ sid }))),
    );
    return new Map(rows.map((row) => [row.sid, row]));
  }

  /** An event may name the URL that we had given the message: proof, also before the SID is known. */
  private namedBy(
    { statusCallback }: ReportedStatus,
    instanceId: string,
  ): CallbackPath | undefined {
    const path = statusCallback === undefined ? undefined : this.callbackUrls.read(statusCallback);
    return path?.instanceId === instanceId ? path : undefined;
  }
}
