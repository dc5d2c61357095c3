import { Controller, Headers, HttpCode, Inject, Post, Req } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { newId } from '#library/database/time-ordered-id.js';
import type { HttpRequest } from '#library/callbacks/callback-request.js';
import { Database } from '#library/database/database.js';
import { TwilioWhatsappOptions } from '#library/twilio-whatsapp.options.js';
import { GroupCommit } from '#library/database/group-commit.js';
import { query, type Transaction } from '#library/database/transaction.js';
import { verified } from './signature.controller.js';

/**
 * Group commit and nothing else, on the thread that also takes the connections: what that alone can do, however little
 * it stores.
 */
@Controller('callbacks')
export class MainThreadController {
  private readonly database: Database;
  private readonly commits = new GroupCommit((waiting: Map<string, string>[]) =>
    this.database.transaction(() => store(waiting)),
  );

  constructor(@Inject(DataSource) dataSource: DataSource) {
    this.database = new Database(dataSource, new TwilioWhatsappOptions());
  }

  @Post()
  @HttpCode(204)
  async receive(
    @Headers('x-twilio-signature') signature: string,
    @Req() request: HttpRequest,
  ): Promise<void> {
    await this.commits.add(new Map(verified(request, signature)));
  }
}

function* store(callbacks: readonly Map<string, string>[]): Transaction<undefined[]> {
  const now = Date.now();
  for (const callback of callbacks) {
    const [sid, status] = [callback.get('MessageSid')!, callback.get('MessageStatus')!];
    yield* query(
      'UPDATE usual_message SET status = ?, updated_at = ? WHERE sid = ?',
      status,
      now,
      sid,
    );
    yield* query(
      'INSERT INTO usual_event VALUES (?, ?, ?, ?)',
      newId(Date.now()),
      sid,
      status,
      now,
    );
  }
  return callbacks.map(() => undefined);
}
