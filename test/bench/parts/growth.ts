import type { Bench } from '../bench.js';
import { goal, Goals, type Section } from '../harness/goal.js';
import { interleave, type Variant } from '../harness/measurement.js';
import type { Sender } from '../programs/sender.js';

/** What a message costs while the table grows, and what the process holds on to. */
export async function growth(bench: Bench): Promise<Section[]> {
  const peer = await bench.peer();
  const sizes = [bench.size(10_000, 1000), bench.size(1_000_000, 5000)];
  const variants: Variant[] = [];
  for (const { name, url } of bench.options.databases) {
    for (const size of sizes) {
      const databaseUrl = await bench.filled(url, 'subject', size);
      const settings = { variant: 'subject', twilioUrl: peer.url, databaseUrl };
      const sender = await bench.start<Sender>('sender', settings);
      const count = bench.size(10_000, 500);
      variants.push({
        name: named(name, size),
        async measure() {
          const { seconds, cpuSeconds } = await sender.call('send', count);
          return { rate: count / seconds, cpuUs: (cpuSeconds * 1e6) / count };
        },
      });
    }
  }
  console.error('growth');
  const lines = await interleave(variants, bench.options);
  const goals = new Goals(lines);
  for (const { name } of bench.options.databases) {
    const [few, many] = sizes.map((size) => named(name, size));
    goals
      .ratio(`${name}: CPU of a message, of that at ${shown(sizes[0])}`, 'cpuUs', many, few, [
        'at most',
        1.2,
      ])
      .ratio(`${name}: time of a message, of that at ${shown(sizes[0])}`, 'rate', few, many, [
        'at most',
        1.2,
      ]);
  }
  return [
    { title: 'Sending while the table grows', unit: 'messages', lines, goals: goals.all },
    await memory(bench, peer.url),
  ];
}

const STEPS = 20;

/** The memory of a process that sends for long, held against what it took after the first tenth. */
async function memory(bench: Bench, twilioUrl: string): Promise<Section> {
  const total = bench.size(200_000, 2000);
  const [{ name, url }] = bench.options.databases;
  const settings = { variant: 'subject', twilioUrl, databaseUrl: await bench.database(url) };
  const sender = await bench.start<Sender>('sender', settings);
  const held: number[] = [];
  for (let step = 0; step < STEPS; step++)
    held.push((await sender.call('send', total / STEPS)).rssMb);
  const [early, late] = [held.slice(0, STEPS / 4), held.slice(-STEPS / 4)].map((part) =>
    Math.max(...part),
  );
  const title = `Memory over ${shown(total)} sends, ${name}`;
  return {
    title,
    unit: 'messages',
    lines: [
      { name: 'most in the first quarter', rounds: [{ rssMb: early }] },
      { name: 'most in the last quarter', rounds: [{ rssMb: late }] },
    ],
    goals: [goal('growth', ['at most', 1.2], late / early)],
  };
}

const shown = (count: number): string => count.toLocaleString('en');
const named = (database: string, size: number): string =>
  `this module, ${database}, ${shown(size)} messages`;
