import { copyFile } from 'node:fs/promises';
import { sqliteFile } from '#library/app/data-source.js';
import { createDatabase } from '../support/databases.js';
import type { Rounds } from './harness/measurement.js';
import { Program, type Handlers } from './harness/program.js';
import type { Fill } from './programs/fill.js';
import type { Peer } from './programs/peer.js';

/** A database that variants run on. */
export interface BenchDatabase {
  readonly name: 'SQLite' | 'PostgreSQL';
  /** What `createDatabase` takes. */
  readonly url: string;
}

export interface BenchOptions extends Rounds {
  readonly quick: boolean;
  readonly databases: readonly BenchDatabase[];
  readonly redisUrl?: string;
}

/** What a part of the benchmark needs: processes and databases that are gone when it is over. */
export class Bench {
  /** Files of SQLite that are copied rather than filled again. */
  private readonly templates = new Map<string, string>();
  private readonly closers: (() => Promise<void>)[] = [];

  constructor(readonly options: BenchOptions) {}

  /** One number for a real run, one for a quick one. */
  size(full: number, quick: number): number {
    return this.options.quick ? quick : full;
  }

  async start<H extends Handlers>(name: string, settings: object = {}): Promise<Program<H>> {
    const program = await Program.start<H>(name, settings);
    this.closers.push(() => program.stop());
    return program;
  }

  async peer(): Promise<{ program: Program<Peer>; url: string }> {
    const program = await this.start<Peer>('peer');
    return { program, url: await program.call('url') };
  }

  /** The URL of an empty database. */
  async database(url: string): Promise<string> {
    const database = await createDatabase(url);
    this.closers.push(() => database.drop());
    return database.url;
  }

  /** The URL of a database with so many messages in it. */
  async filled(url: string, design: keyof Fill, count: number): Promise<string> {
    const own = await this.database(url);
    if (url !== 'sqlite') {
      await this.fill(own, design, count);
      return own;
    }
    const key = `${design} ${count}`;
    const template = this.templates.get(key) ?? (await this.database(url));
    if (!this.templates.has(key)) await this.fill(template, design, count);
    this.templates.set(key, template);
    await copyFile(sqliteFile(template)!, sqliteFile(own)!);
    return own;
  }

  private async fill(databaseUrl: string, design: keyof Fill, count: number): Promise<void> {
    const begun = performance.now();
    const fill = await Program.start<Fill>('fill');
    await fill.call(design, databaseUrl, count);
    await fill.stop();
    const seconds = Math.round((performance.now() - begun) / 1000);
    console.error(`  ${count} messages (${design}) in ${seconds} s`);
  }

  /** Ends the processes, then drops the databases. */
  async close(): Promise<void> {
    for (const close of this.closers.toReversed()) await close();
  }
}
