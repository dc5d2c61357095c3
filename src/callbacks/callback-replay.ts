import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { BackgroundLoop } from '../lifecycle/background-loop.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { DeliveryOptions, TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { CallbackRecorder } from './callback-recorder.js';
import { CallbackSpool } from './callback-spool.js';
import { HeldFiles } from './held-files.js';
import { SpoolAdmission } from './spool-admission.js';
import { SpoolError } from './spool-usage.js';
import { DatabaseGoneError, SpooledFileReplay, type FileResult } from './spooled-file-replay.js';

/** A database that takes nothing of so many files takes nothing of the others either. */
const MAX_FAILURES_IN_A_ROW = 3;

/**
 * Stores the callbacks that were kept while the database was down, as soon as it is back. Their signatures are checked
 * here. A callback that is replayed twice, by this process or another, is stored once. A file that cannot be read, or
 * that fails while others are stored, is tried again less and less often, then put aside: it holds back no other.
 */
@Injectable()
export class CallbackReplay
  implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown
{
  private readonly logger = new Logger(CallbackReplay.name);
  private readonly options: DeliveryOptions;
  private readonly held: HeldFiles;
  private hadFiles = false;
  private failure?: string;
  private readonly loop = new BackgroundLoop((error) => this.logFailure(error));

  constructor(
    @InjectWhatsappOptions() { delivery }: TwilioWhatsappOptions,
    private readonly spool: CallbackSpool,
    private readonly files: SpooledFileReplay,
    private readonly recorder: CallbackRecorder,
    private readonly admission: SpoolAdmission,
  ) {
    this.options = delivery;
    this.held = new HeldFiles(delivery.pollIntervalMs);
  }

  onApplicationBootstrap(): void {
    if (this.spool.isOn) this.loop.start(() => this.replayAll(), this.options.pollIntervalMs);
  }

  onModuleDestroy(): void {
    this.loop.stop();
  }

  /** Waits for the file that is being replayed; what is left of it is replayed by the next process. */
  async beforeApplicationShutdown(): Promise<void> {
    if (await this.loop.ended(this.options.drainTimeoutMs)) return;
    this.logger.warn(
      'The replay of the spool did not end in time; the next process goes on with it',
    );
  }

  private async replayAll(): Promise<void> {
    const names = await this.spool.list();
    this.held.keepOnly(names);
    // Another process has replayed them all.
    if (names.length === 0 && this.hadFiles) this.admission.reset();
    this.hadFiles = names.length > 0;
    const due = this.held.due(names);
    if (due.length > 0 && (await this.files.isDatabaseUp())) await this.replayFiles(due);
    this.failure = undefined;
  }

  private async replayFiles(names: readonly string[]): Promise<void> {
    let stored = 0;
    let failures = 0;
    for (const name of names) {
      if (this.loop.isStopping || failures === MAX_FAILURES_IN_A_ROW) break;
      const recordedBefore = this.recorder.recordedCount;
      const result = await this.replay(name);
      if (result === 'databaseGone') break;
      if (!result) continue;
      stored += result.counts.stored;
      failures = countOpen(result) > 0 && result.counts.stored === 0 ? failures + 1 : 0;
      await this.finish(name, result, recordedBefore).catch((error: unknown) =>
        this.hold(name, 'could be neither changed nor removed', error),
      );
    }
    const left = await this.spool.list();
    if (left.every((name) => this.held.has(name))) this.admission.reset();
    if (stored === 0) return;
    this.logger.log(`${stored} callbacks that were kept while the database was down are stored`);
  }

  /** @returns undefined for a file that could not be read */
  private async replay(name: string): Promise<FileResult | 'databaseGone' | undefined> {
    try {
      return await this.files.replay(name, () => this.loop.isStopping);
    } catch (error) {
      if (error instanceof DatabaseGoneError) return 'databaseGone';
      await this.handleUnreadable(name, error);
      return undefined;
    }
  }

  private async handleUnreadable(name: string, error: unknown): Promise<void> {
    if (!(error instanceof SpoolError) && !this.held.isTriedOut(name)) {
      this.hold(name, 'cannot be read', error);
      return;
    }
    try {
      await this.putAside(name, undefined, error);
    } catch (failure) {
      this.hold(name, 'can be neither read nor put aside', failure);
    }
  }

  private async finish(name: string, result: FileResult, recordedBefore: number): Promise<void> {
    const { counts, left, error } = result;
    if (counts.forged > 0) {
      this.logger.warn(`${counts.forged} callbacks that were kept are not Twilio's`);
    }
    if (result.isEmpty) return this.putAside(name, undefined, new Error('The file is empty.'));
    if (left.length === 0) return this.spool.remove(name);
    // It is the entry's own fault when others were recorded meanwhile; else the database takes nothing.
    const isHopeless =
      this.held.isTriedOut(name) && this.recorder.recordedCount > this.held.recordedBefore(name);
    const isDecided = counts.keyMissing + counts.untried === 0;
    if (isDecided && (counts.failed === 0 || isHopeless)) {
      return this.putAside(name, left, error);
    }
    if (counts.stored + counts.forged > 0) await this.spool.shrink(name, left);
    const problem =
      countOpen(result) > 0
        ? 'holds callbacks that the database does not take yet'
        : 'is sealed with an encryption key that is not configured. It stays until a process has the key: add it to the end of encryptionKeys';
    this.hold(name, problem, error, { recordedBefore, isFinal: countOpen(result) === 0 });
  }

  private async putAside(
    name: string,
    lines: readonly string[] | undefined,
    error: unknown,
  ): Promise<void> {
    const path = await this.spool.quarantine(name, lines);
    this.logger.error(
      `${lines ? `${lines.length} callbacks` : 'A file'} of the spool cannot be stored and is put aside: look at ${path} with the encryption keys of its time, then remove it`,
      error,
    );
  }

  /** Tries a file again later; says so once for each problem. */
  private hold(
    name: string,
    problem: string,
    error: unknown,
    { recordedBefore = this.recorder.recordedCount, isFinal = false } = {},
  ): void {
    const isNew = this.held.hold(name, { problem, recordedBefore, isFinal });
    if (isNew) this.logger.error(`The file ${name} of the spool ${problem}`, error);
  }

  /** Once until it works again. */
  private logFailure(error: unknown): void {
    const failure = String(error);
    if (failure === this.failure) return;
    this.failure = failure;
    this.logger.error('The spool could not be replayed; it is tried again', error);
  }
}

/** How many entries the database may take yet. */
const countOpen = ({ counts }: FileResult): number => counts.failed + counts.untried;
