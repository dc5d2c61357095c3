import { ForbiddenException, Injectable } from '@nestjs/common';
import { DatabaseError } from '../database/database-error.js';
import { Database } from '../database/database.js';
import { MessageLedger } from '../delivery/ledger.js';
import { ATTEMPT_TABLE } from '../delivery/attempt.entity.js';
import type { Report } from '../delivery/evidence.js';
import { MESSAGE_TABLE } from '../delivery/message.entity.js';
import { CallbackUrls } from '../providers/callback-urls.js';
import type { Callback } from './callback-request.js';
import { CallbackVerifier } from './callback-verifier.js';
import { reportOf, type ReportedStatus } from './reported-status.js';

/** Records what callbacks say that are Twilio's. */
@Injectable()
export class CallbackRecorder {
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
    if ('messageId' in target) {
      const { messageId, attempt } = target;
      await Promise.all(
        statuses.map((status) => this.report(messageId, { ...reportOf(status, attempt), at })),
      );
      return;
    }
    const known = await this.messagesOf(target.instanceId, statuses);
    await Promise.all(
      statuses.map(async (status) => {
        const { messageId, attempt } =
          known.get(status.sid) ?? this.namedBy(status, target.instanceId) ?? {};
        if (messageId) await this.report(messageId, { ...reportOf(status, attempt), at });
      }),
    );
  }

  private async report(messageId: string, report: Report & { at: number }): Promise<void> {
    try {
      await this.ledger.record(messageId, report);
    } catch (error) {
      if (!(error instanceof DatabaseError) || !error.isDuplicate) throw error;
      // A look at Twilio's list gave the SID to another message with the same text. Twilio's word on this one counts
      // all the same.
      await this.ledger.record(messageId, { ...report, isSidTaken: true });
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
  ): Promise<Map<string, { messageId: string; attempt?: number }>> {
    if (statuses.length === 0) return new Map();
    const rows = await this.database.query<{ id: string; sid: string }>(
      `SELECT m.id, a.sid FROM ${ATTEMPT_TABLE} a JOIN ${MESSAGE_TABLE} m ON m.id = a.message_id
        WHERE m.instance_id = ? AND a.sid IN (${this.database.dialect.rows({ sid: 'text' })})`,
      instanceId,
      JSON.stringify(statuses.map(({ sid }) => ({ sid }))),
    );
    return new Map(rows.map(({ id, sid }) => [sid, { messageId: id }]));
  }

  /** An event may come before we have heard of its SID: the URL that we had given the message is in it. */
  private namedBy({ statusCallback }: ReportedStatus, instanceId: string) {
    const path = statusCallback === undefined ? undefined : this.callbackUrls.read(statusCallback);
    return path?.instanceId === instanceId ? path : undefined;
  }
}
