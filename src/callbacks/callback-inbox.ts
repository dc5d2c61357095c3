import {
  ConflictException,
  ForbiddenException,
  HttpException,
  Injectable,
  Logger,
  ServiceUnavailableException,
} from '@nestjs/common';
import { isUUID } from 'class-validator';
import { DatabaseClock } from '../database/database-clock.js';
import { DatabaseError } from '../database/database-error.js';
import { CallbackUrls, type CallbackPath } from '../providers/callback-urls.js';
import { CallbackRecorder } from './callback-recorder.js';
import type { Callback, SignedRequest } from './callback-request.js';
import { CallbackSpool } from './callback-spool.js';
import { CallbackVerifier } from './callback-verifier.js';
import { SpoolAdmission } from './spool-admission.js';

/** How long the database may take: Event Streams waits 5 s, and what is stored twice counts once. */
const PATIENCE_MS = 4000;

/** Takes callbacks in, and answers for them: what it returns without an error is durable. */
@Injectable()
export class CallbackInbox {
  private readonly logger = new Logger(CallbackInbox.name);
  private isDatabaseDown = false;
  private isSpoolFailing = false;

  constructor(
    private readonly callbackUrls: CallbackUrls,
    private readonly recorder: CallbackRecorder,
    private readonly verifier: CallbackVerifier,
    private readonly spool: CallbackSpool,
    private readonly admission: SpoolAdmission,
    private readonly clock: DatabaseClock,
  ) {}

  /**
   * The callback of one attempt: its URL tells the message, even before we have heard of its SID.
   *
   * @throws ForbiddenException when we did not make the URL, or Twilio did not sign the request
   */
  async ofAttempt(path: CallbackPath, mac: string, request: SignedRequest): Promise<void> {
    if (!this.callbackUrls.isOurs(path, mac)) throw stranger();
    await this.take({ target: { ...path, mac }, request, at: this.clock.now() });
  }

  /**
   * A callback on the URL of an instance, as pasted into Twilio: its SID tells the message.
   *
   * @throws ForbiddenException when there is no such instance, or Twilio did not sign the request
   */
  async ofInstance(instanceId: string, request: SignedRequest): Promise<void> {
    if (!isUUID(instanceId)) throw stranger();
    await this.take({ target: { instanceId }, request, at: this.clock.now() });
  }

  private async take(callback: Callback): Promise<void> {
    this.verifier.assertPlausible(callback);
    try {
      await this.store(callback);
      this.isDatabaseDown = false;
    } catch (error) {
      if (error instanceof HttpException) throw error;
      if (isRefusal(error)) {
        this.logger.error('The database refuses what a callback of Twilio’s says', error);
        throw new ConflictException('The database refuses what the callback says.');
      }
      await this.keep(callback, error);
    }
  }

  private async store(callback: Callback): Promise<void> {
    const stored = this.recorder.record(callback);
    if (!this.spool.isOn) return stored;
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('The database takes too long.')), PATIENCE_MS);
    });
    try {
      await Promise.race([stored, tooLong]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Keeps what the database does not take, until it does. */
  private async keep(callback: Callback, cause: unknown): Promise<void> {
    if (!this.isDatabaseDown) {
      this.isDatabaseDown = true;
      this.isSpoolFailing = false;
      const fate = this.spool.isOn
        ? `they are kept in ${this.spool.directory}`
        : 'they are answered with 503, for there is no spool';
      this.logger.error(`The database takes no callbacks: ${fate}`, cause);
    }
    try {
      await this.admission.keep(callback);
    } catch (error) {
      if (error instanceof HttpException) throw error;
      this.logFailingSpool(error);
      // It must look like a reason to call again.
      throw new ServiceUnavailableException('The callback could not be stored. Try again.', {
        cause: error,
      });
    }
  }

  /** Once in an outage: what fails for one callback fails for thousands. */
  private logFailingSpool(error: unknown): void {
    if (!this.spool.isOn || this.isSpoolFailing) return;
    this.isSpoolFailing = true;
    this.logger.error(
      'The spool does not take every callback either: some are answered 503',
      error,
    );
  }
}

/** Whether the database works, and would never take it. */
const isRefusal = (error: unknown): boolean => error instanceof DatabaseError && error.isRefusal;

const stranger = (): ForbiddenException =>
  new ForbiddenException('The callback is not one of ours.');
