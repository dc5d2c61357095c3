import {
  HttpException,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { DatabaseError } from '../database/database-error.js';
import { Database } from '../database/database.js';
import { BackgroundLoop } from '../lifecycle/background-loop.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { CallbackRecorder } from './callback-recorder.js';
import { CallbackSpool, type SpooledFile } from './callback-spool.js';
import { unspooled } from './spooled-callback.js';

/** What became of a callback that was kept. */
type Fate = 'stored' | 'forged' | 'refused';

/**
 * Stores the callbacks that were kept while the database was down, as soon as it is back. Their signatures are checked
 * here. A callback that is replayed twice, by this process or another, is stored once.
 */
@Injectable()
export class CallbackReplay
  implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown
{
  private readonly logger = new Logger(CallbackReplay.name);
  private readonly loop = new BackgroundLoop((error) =>
    this.logger.error('The spool could not be replayed', error),
  );
  private readonly intervalMs: number;

  constructor(
    @InjectWhatsappOptions() { delivery }: TwilioWhatsappOptions,
    private readonly spool: CallbackSpool,
    private readonly recorder: CallbackRecorder,
    private readonly database: Database,
  ) {
    this.intervalMs = delivery.pollIntervalMs;
  }

  onApplicationBootstrap(): void {
    if (this.spool.isOn) this.loop.start(() => this.replayAll(), this.intervalMs);
  }

  onModuleDestroy(): void {
    this.loop.stop();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.loop.ended();
  }

  private async replayAll(): Promise<void> {
    const names = await this.spool.list();
    if (names.length === 0 || !(await this.isDatabaseBack())) return;
    let stored = 0;
    for (const name of names) {
      if (this.loop.isStopping) break;
      stored += await this.replay(await this.spool.read(name));
    }
    await this.spool.list();
    this.logger.log(`${stored} callbacks that were kept while the database was down are stored`);
  }

  /** @returns how many of them are stored */
  private async replay({ name, texts, isDamaged }: SpooledFile): Promise<number> {
    const fates = await Promise.all(texts.map((text) => this.store(text)));
    const count = (fate: Fate) => fates.filter((each) => each === fate).length;
    if (count('forged') > 0) {
      this.logger.warn(`${count('forged')} callbacks that were kept are not Twilio's`);
    }
    if (isDamaged || count('refused') > 0) {
      const path = await this.spool.quarantine(name);
      this.logger.error(
        `Callbacks that were kept are damaged, or the database refuses them: look at ${path} with the encryption keys of their time, then remove it`,
      );
    } else {
      await this.spool.remove(name);
    }
    return count('stored');
  }

  /** @throws DatabaseError when the database is gone again: the file stays for the next time */
  private async store(text: string): Promise<Fate> {
    try {
      await this.recorder.record(unspooled(text));
      return 'stored';
    } catch (error) {
      if (error instanceof HttpException) return 'forged';
      if (error instanceof DatabaseError && !error.isRefusal) throw error;
      this.logger.error('A callback that was kept cannot be stored', error);
      return 'refused';
    }
  }

  private async isDatabaseBack(): Promise<boolean> {
    try {
      await this.database.query('SELECT 1');
      return true;
    } catch {
      // That is what the spool is for.
      return false;
    }
  }
}
