import type { Bench } from '../bench.js';
import { Goals, type Section } from '../harness/goal.js';
import { interleave, type Variant } from '../harness/measurement.js';
import type { NotificationLoad } from '../load/notification-requests.js';
import type { Load } from '../programs/load.js';
import type { ServerSettings } from '../programs/server.js';
import { Served } from './served.js';

const CONNECTIONS = 64;
const MANY = 10_000;

/** A server that accepts notifications, with the recipients in the form that it takes. */
interface Candidate {
  readonly name: string;
  readonly served: Served;
  readonly isOurs: boolean;
  readonly load: Pick<NotificationLoad, 'path' | 'isInline'>;
}

/** Accepting notifications: stored for good before the answer. */
export async function accept(bench: Bench): Promise<Section[]> {
  const load = await bench.start<Load>('load');
  const candidates: Candidate[] = [];
  for (const { name, url } of bench.options.databases) {
    const start = async (settings: Pick<ServerSettings, 'kind' | 'platform'>) =>
      Served.start(bench, { ...settings, databaseUrl: await bench.database(url) });
    const fastify = await start({ kind: 'subject', platform: 'fastify' });
    const express = await start({ kind: 'subject', platform: 'express' });
    const saving = await start({ kind: 'saving', platform: 'fastify' });
    candidates.push(
      { name: ours('fastify', name), served: fastify, isOurs: true, load: OURS },
      { name: ours('express', name), served: express, isOurs: true, load: OURS },
      {
        name: `${ours('fastify', name)}, phone numbers inline`,
        served: fastify,
        isOurs: true,
        load: { ...OURS, isInline: true },
      },
      {
        name: saved(name),
        served: saving,
        isOurs: false,
        load: { path: '/notifications', isInline: true },
      },
    );
  }
  return [await many(bench, load, candidates), await single(bench, load, candidates)];
}

const OURS = { path: '/v3/notifications', isInline: false };
const ours = (platform: string, database: string): string =>
  `this module, ${platform}, ${database}`;
const saved = (database: string): string => `TypeORM save, fastify, ${database}`;
const LEAST_AT_ONCE: Record<string, number> = { SQLite: 15, PostgreSQL: 12 };

type LoadProgram = Awaited<ReturnType<typeof Bench.prototype.start<Load>>>;

async function many(
  bench: Bench,
  load: LoadProgram,
  candidates: readonly Candidate[],
): Promise<Section> {
  console.error(`accept, ${MANY} recipients`);
  const lines = await interleave(
    candidates.map(({ name, served, isOurs, load: form }): Variant => {
      const count = isOurs ? bench.size(5, 1) : 1;
      return {
        name,
        measure: () =>
          served.under(count * MANY, () =>
            load.call('notifications', {
              ...form,
              port: served.port,
              connections: 1,
              count,
              recipients: MANY,
            }),
          ),
      };
    }),
    bench.options,
  );
  const goals = new Goals(lines);
  for (const { name } of bench.options.databases) {
    goals.ratio(`${name}: rate, of save()`, 'rate', ours('fastify', name), saved(name), [
      'at least',
      LEAST_AT_ONCE[name],
    ]);
  }
  const title = `Accepting ${MANY.toLocaleString('en')} recipients in one POST`;
  return { title, unit: 'recipients', lines, goals: goals.all };
}

async function single(
  bench: Bench,
  load: LoadProgram,
  candidates: readonly Candidate[],
): Promise<Section> {
  console.error('accept, one recipient');
  const lines = await interleave(
    candidates.map(({ name, served, isOurs, load: form }): Variant => {
      const count = Math.ceil((isOurs ? 5000 : 1000) * bench.size(2, 0.1));
      return {
        name,
        measure: () =>
          served.under(count, () =>
            load.call('notifications', {
              ...form,
              port: served.port,
              connections: CONNECTIONS,
              count,
              recipients: 1,
            }),
          ),
      };
    }),
    bench.options,
  );
  const goals = new Goals(lines);
  for (const { name } of bench.options.databases) {
    const fastify = ours('fastify', name);
    goals
      .value(`${name}: p99, ms`, 'p99Ms', fastify, ['at most', 20])
      .ratio(`${name}: rate, of save()`, 'rate', fastify, saved(name), ['at least', 15]);
  }
  const title = `Accepting one recipient a POST, ${CONNECTIONS} connections`;
  return { title, unit: 'notifications', lines, goals: goals.all };
}
