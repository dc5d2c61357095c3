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

/** Takes callbacks in, and answers for them: what it returns without an error is durable. */
@Injectable()
export class CallbackInbox {
  private readonly logger = new Logger(CallbackInbox.name);

  constructor(
    private readonly callbackUrls: CallbackUrls,
    private readonly recorder: CallbackRecorder,
    private readonly clock: DatabaseClock,
  ) {}

  /**
   * The callback of one attempt: its URL tells the message, even before we have heard of its SID.
   *
   * @throws ForbiddenException when we did not make the URL, or Twilio did not sign the request
   */
  async ofAttempt(path: CallbackPath, mac: string, request: SignedRequest): Promise<void> {
    if (!this.callbackUrls.isOurs(path, mac)) throw stranger();
    await this.take({ target: path, request, at: this.clock.now() });
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

  /** A database that fails must look like a reason to call again. */
  private async take(callback: Callback): Promise<void> {
    try {
      await this.recorder.record(callback);
    } catch (error) {
      if (error instanceof HttpException) throw error;
      if (error instanceof DatabaseError && error.isRefusal) {
        this.logger.error('A callback of Twilio’s contradicts what is stored', error);
        throw new ConflictException('The callback contradicts what is known of its message.');
      }
      throw new ServiceUnavailableException('The callback could not be stored. Try again.', {
        cause: error,
      });
    }
  }
}

const stranger = (): ForbiddenException =>
  new ForbiddenException('The callback is not one of ours.');
