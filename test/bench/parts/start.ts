import { once } from 'node:events';
import type { Bench } from '../bench.js';
import { Goals, type Section } from '../harness/goal.js';
import { interleave, type Variant } from '../harness/measurement.js';
import { forkProgram } from '../harness/program.js';

const EMPTY = 'empty Nest + TypeORM application';
const OURS = 'the same with this module';

/** How long it takes from the start of the process until it listens. */
export async function start(bench: Bench): Promise<Section[]> {
  console.error('start');
  const variants: Variant[] = [];
  for (const [name, program] of [
    [EMPTY, 'start-empty'],
    [OURS, 'start-subject'],
  ]) {
    const databaseUrl = await bench.database('sqlite');
    variants.push({ name, measure: () => timeOf(program, databaseUrl) });
  }
  const lines = await interleave(variants, bench.options);
  const goals = new Goals(lines).ratio('time to listening', 'startMs', OURS, EMPTY, [
    'at most',
    1.5,
  ]);
  return [{ title: 'Start on Fastify and SQLite', unit: 'starts', lines, goals: goals.all }];
}

async function timeOf(program: string, databaseUrl: string) {
  const begun = performance.now();
  const child = forkProgram(program, { databaseUrl });
  const ended = once(child, 'exit');
  const [rssMb] = (await Promise.race([
    once(child, 'message'),
    ended.then(() => Promise.reject(new Error(`${program} ended before it listened`))),
  ])) as [number];
  const startMs = performance.now() - begun;
  child.disconnect();
  await ended;
  return { startMs, rssMb };
}
