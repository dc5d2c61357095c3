import { Module, type INestApplication, type Type } from '@nestjs/common';
import { TypeOrmModule, type TypeOrmModuleOptions } from '@nestjs/typeorm';
import type { AddressInfo } from 'node:net';
import { Database } from '#library/database/database.js';
import { useWhatsappBodyParsers } from '#library/index.js';
import { ProviderInstances } from '#library/providers/provider-instances.service.js';
import { serve, settings as given } from '../harness/program.js';
import { MainThreadController } from '../rivals/main-thread.controller.js';
import { SavingController } from '../rivals/saving.controller.js';
import { SignatureController } from '../rivals/signature.controller.js';
import { UsualController } from '../rivals/usual.controller.js';
import { savingDatabase, usualDatabase } from '../rivals/usual.database.js';
import { createHost, startApplication, type Platform, type SubjectSettings } from '../subject.js';
import { fillUsers } from '../table.js';

export interface ServerSettings extends SubjectSettings {
  readonly kind: 'subject' | 'usual' | 'signature' | 'mainThread' | 'saving';
  readonly platform: Platform;
}

/** An application that listens. */
export type Server = {
  /** Where it listens, and the instance of the module that it has. */
  address(): Promise<{ port: number; instanceId?: string }>;
  /** CPU seconds that it has spent so far. */
  cpuSeconds(): number;
};

const settings = given as ServerSettings;
const app = await start(settings);
serve(
  {
    async address() {
      const { port } = app.getHttpServer().address() as AddressInfo;
      if (settings.kind !== 'subject') return { port };
      const { row } = await app.get(ProviderInstances, { strict: false }).choose();
      return { port, instanceId: row.id };
    },
    cpuSeconds() {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
  } satisfies Server,
  () => app.close(),
);

async function start({ kind, platform, databaseUrl, twilioUrl }: ServerSettings) {
  switch (kind) {
    case 'subject': {
      const subject = await startApplication({ databaseUrl, twilioUrl }, platform);
      await fillUsers(subject.get(Database, { strict: false }));
      return subject;
    }
    case 'usual':
      return startRival(UsualController, platform, usualDatabase(databaseUrl));
    case 'mainThread':
      return startRival(MainThreadController, platform, usualDatabase(databaseUrl));
    case 'saving':
      return startRival(SavingController, platform, savingDatabase(databaseUrl));
    case 'signature':
      return startRival(SignatureController, platform);
  }
}

async function startRival(
  controller: Type,
  platform: Platform,
  database?: TypeOrmModuleOptions,
): Promise<INestApplication> {
  @Module({
    imports: database ? [TypeOrmModule.forRoot(database)] : [],
    controllers: [controller],
  })
  class RivalModule {}

  const rival = await createHost(RivalModule, platform);
  useWhatsappBodyParsers(rival);
  await rival.listen(0, '127.0.0.1');
  return rival;
}
