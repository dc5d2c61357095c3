import type { Bench } from '../bench.js';
import { Goals, type Section } from '../harness/goal.js';
import { interleave, type Variant } from '../harness/measurement.js';
import type { CallbackLoad } from '../load/callback-requests.js';
import type { Load } from '../programs/load.js';
import type { ServerSettings } from '../programs/server.js';
import type { Platform } from '../subject.js';
import { Served } from './served.js';

const CONNECTIONS = 64;
const TIMED_SECONDS = 2;

type Design = ServerSettings['kind'];

/** A server, and about how many callbacks a second it takes. */
interface Candidate {
  readonly name: string;
  readonly kind: Design;
  readonly platform: Platform;
  readonly url?: string;
  readonly pace: number;
}

/** How callbacks come. */
interface Pattern {
  readonly title: string;
  readonly order: CallbackLoad['order'];
  readonly isFresh: boolean;
  readonly names: (candidate: Candidate) => boolean;
  readonly goals: (goals: Goals) => Goals;
}

/** Callbacks: verified, stored and durable before they are answered. */
export async function callbacks(bench: Bench): Promise<Section[]> {
  const messages = bench.size(1_000_000, 5000);
  const load = await bench.start<Load>('load');
  const servers = new Map<Candidate, Served>();
  for (const candidate of candidates(bench)) {
    const { kind, platform, url } = candidate;
    const databaseUrl =
      url && (await bench.filled(url, kind === 'subject' ? 'subject' : 'usual', messages));
    servers.set(candidate, await Served.start(bench, { kind, platform, databaseUrl }));
  }
  const sent = new Map<Candidate, number>();
  const sections: Section[] = [];
  for (const { title, order, isFresh, names, goals } of PATTERNS) {
    console.error(title);
    const variants = [...servers]
      .filter(([candidate]) => names(candidate))
      .map(([candidate, served]): Variant => {
        const pace = isFresh ? FRESH_PACE : candidate.pace;
        const count = Math.ceil(pace * bench.size(TIMED_SECONDS, 0.2));
        return {
          name: candidate.name,
          measure() {
            const offset = sent.get(candidate) ?? 0;
            sent.set(candidate, offset + count);
            const { port, instanceId } = served;
            return served.under(count, () =>
              load.call('callbacks', {
                port,
                instanceId,
                order,
                isFresh,
                messages,
                offset,
                count,
                connections: CONNECTIONS,
              }),
            );
          },
        };
      });
    if (variants.length === 0) continue;
    const lines = await interleave(variants, bench.options);
    sections.push({
      title: `${title}, ${messages.toLocaleString('en')} in the table, ${CONNECTIONS} connections`,
      unit: 'callbacks',
      lines,
      goals: goals(new Goals(lines)).all,
    });
  }
  return sections;
}

const FRESH_PACE = 2000;
const named = (design: string, platform: string, database?: string): string =>
  [design, platform, database].filter(Boolean).join(', ');
const OURS = 'this module';
const USUAL = 'find and save';
const LIMIT = 'signature only';
const MAIN_THREAD = named('group commit on the main thread', 'fastify', 'SQLite');

function candidates({ options: { databases } }: Bench): Candidate[] {
  const all: Candidate[] = databases.flatMap(({ name, url }) =>
    (['fastify', 'express'] as const)
      .filter((platform) => platform === 'fastify' || url === 'sqlite')
      .flatMap((platform): Candidate[] => [
        {
          name: named(OURS, platform, name),
          kind: 'subject',
          platform,
          url,
          pace: platform === 'fastify' ? 5000 : 2500,
        },
        { name: named(USUAL, platform, name), kind: 'usual', platform, url, pace: 700 },
      ]),
  );
  all.push({ name: named(LIMIT, 'fastify'), kind: 'signature', platform: 'fastify', pace: 10_000 });
  const sqlite = databases.find(({ url }) => url === 'sqlite');
  if (sqlite) {
    const { url } = sqlite;
    all.push({ name: MAIN_THREAD, kind: 'mainThread', platform: 'fastify', url, pace: 5000 });
  }
  return all;
}

const ON_SQLITE = [OURS, USUAL].map((design) => named(design, 'fastify', 'SQLite'));
const ON_EXPRESS = [OURS, USUAL].map((design) => named(design, 'express', 'SQLite'));
const ON_POSTGRES = [OURS, USUAL].map((design) => named(design, 'fastify', 'PostgreSQL'));

const PATTERNS: readonly Pattern[] = [
  {
    title: 'Callbacks for the newest messages',
    order: 'newest',
    isFresh: false,
    names: ({ kind }) => kind !== 'mainThread',
    goals: (goals) =>
      goals
        .ratio('SQLite: rate, of find and save', 'rate', ON_SQLITE[0], ON_SQLITE[1], [
          'at least',
          18,
        ])
        .ratio('SQLite: rate, of signature only', 'rate', ON_SQLITE[0], named(LIMIT, 'fastify'), [
          'at least',
          0.75,
        ])
        .value('SQLite: p99, ms', 'p99Ms', ON_SQLITE[0], ['at most', 20])
        .ratio('PostgreSQL: rate, of find and save', 'rate', ON_POSTGRES[0], ON_POSTGRES[1], [
          'at least',
          15,
        ])
        .ratio('Express: rate, of find and save', 'rate', ON_EXPRESS[0], ON_EXPRESS[1], [
          'at least',
          7,
        ]),
  },
  {
    title: 'Callbacks for messages at random',
    order: 'random',
    isFresh: false,
    names: ({ kind, platform }) =>
      (kind === 'subject' || kind === 'usual') && platform === 'fastify',
    goals: (goals) =>
      goals.ratio('SQLite: rate, of find and save', 'rate', ON_SQLITE[0], ON_SQLITE[1], [
        'at least',
        8,
      ]),
  },
  {
    title: 'Callbacks over a new connection each',
    order: 'newest',
    isFresh: true,
    names: ({ kind, platform, url }) =>
      platform === 'fastify' && url === 'sqlite' && kind !== 'signature',
    goals: (goals) =>
      goals.ratio('SQLite: rate, of the main thread alone', 'rate', ON_SQLITE[0], MAIN_THREAD, [
        'at least',
        2,
      ]),
  },
];
