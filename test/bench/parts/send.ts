import type { Bench, BenchDatabase } from '../bench.js';
import { Goals, type Section } from '../harness/goal.js';
import { interleave, type Variant } from '../harness/measurement.js';
import type { Program } from '../harness/program.js';
import type { Sender, SenderSettings } from '../programs/sender.js';
import { IN_FLIGHT } from '../subject.js';

const SDK = 'twilio SDK, nothing stored';
const LIMIT = 'twilio SDK on undici, nothing stored (the limit)';

/** One way to send, and about how many messages a second it manages with Twilio 0 and 50 ms away. */
interface Candidate {
  readonly name: string;
  readonly settings: Pick<SenderSettings, 'variant'> & { readonly url?: string };
  readonly pace: Readonly<Record<number, number>>;
}

/** Sending, durable from end to end. */
export async function send(bench: Bench): Promise<Section[]> {
  const peer = await bench.peer();
  const senders = new Map<Candidate, Program<Sender>>();
  for (const candidate of candidates(bench)) {
    const { url, variant } = candidate.settings;
    senders.set(
      candidate,
      await bench.start<Sender>('sender', {
        variant,
        twilioUrl: peer.url,
        databaseUrl: url && (await bench.database(url)),
        redisUrl: bench.options.redisUrl,
      }),
    );
  }
  const sections: Section[] = [];
  for (const delayMs of [0, 50]) {
    await peer.program.call('delay', delayMs);
    console.error(`send, ${delayMs} ms`);
    const variants = [...senders].map(([{ name, pace }, sender]): Variant => {
      const count = Math.ceil(pace[delayMs] * bench.size(3, 0.3));
      return {
        name,
        async measure() {
          const { seconds, cpuSeconds } = await sender.call('send', count);
          return { rate: count / seconds, cpuUs: (cpuSeconds * 1e6) / count };
        },
      };
    });
    const lines = await interleave(variants, bench.options);
    const goals = new Goals(lines);
    for (const { name } of bench.options.databases) {
      if (delayMs === 0) goalsAtOnce(goals, name);
      else goalsFarAway(goals, name);
    }
    sections.push({
      title: `Sending, Twilio ${delayMs} ms away, ${IN_FLIGHT} in flight`,
      unit: 'messages',
      lines,
      goals: goals.all,
    });
  }
  return sections;
}

const subjectOn = (name: string): string => `this module, ${name}`;
const usualOn = (name: string): string => `TypeORM save + SDK, ${name}`;
const queuedOn = (name: string): string => `BullMQ + TypeORM save + SDK, ${name}`;

function candidates({ options: { databases, redisUrl } }: Bench): Candidate[] {
  return [
    ...databases.map(({ name, url }) => ({
      name: subjectOn(name),
      settings: { variant: 'subject' as const, url },
      pace: { 0: 6000, 50: 3000 },
    })),
    { name: SDK, settings: { variant: 'sdk' }, pace: { 0: 3000, 50: 380 } },
    {
      name: 'nestjs-twilio, nothing stored',
      settings: { variant: 'nestjsTwilio' },
      pace: { 0: 3000, 50: 380 },
    },
    { name: LIMIT, settings: { variant: 'limit' }, pace: { 0: 10_000, 50: 4000 } },
    ...databases.flatMap(({ name, url }: BenchDatabase): Candidate[] => [
      {
        name: usualOn(name),
        settings: { variant: 'usual', url },
        pace: { 0: 700, 50: 350 },
      },
      ...(redisUrl
        ? [
            {
              name: queuedOn(name),
              settings: { variant: 'queued' as const, url },
              pace: { 0: 600, 50: 350 },
            },
          ]
        : []),
    ]),
  ];
}

function goalsAtOnce(goals: Goals, database: string): void {
  const ours = subjectOn(database);
  goals
    .ratio(`${database}: rate, of the SDK's`, 'rate', ours, SDK, ['at least', 2.2])
    .ratio(`${database}: rate, of the usual design's`, 'rate', ours, usualOn(database), [
      'at least',
      10,
    ])
    .ratio(`${database}: rate, of the limit`, 'rate', ours, LIMIT, ['at least', 0.65])
    .ratio(`${database}: CPU, of the SDK's`, 'cpuUs', ours, SDK, ['at most', 0.5])
    .ratio(`${database}: CPU, of the usual design's`, 'cpuUs', ours, usualOn(database), [
      'at most',
      0.17,
    ]);
}

function goalsFarAway(goals: Goals, database: string): void {
  const ours = subjectOn(database);
  goals
    .ratio(`${database}: rate, of the SDK's`, 'rate', ours, SDK, ['at least', 8])
    .ratio(`${database}: rate, of the limit`, 'rate', ours, LIMIT, ['at least', 0.9]);
}
