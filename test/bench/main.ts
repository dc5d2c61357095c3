import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { DATABASES } from '../support/databases.js';
import { Bench, type BenchDatabase } from './bench.js';
import type { Section } from './harness/goal.js';
import { load, machine, markdown, type Report } from './harness/report.js';
import { accept } from './parts/accept.js';
import { callbacks } from './parts/callbacks.js';
import { growth } from './parts/growth.js';
import { send } from './parts/send.js';
import { start } from './parts/start.js';

/**
 * `npm run bench -- [send|callbacks|accept|growth|start]`: measures the module beside what people use, all variants in
 * turns within one run. `--quick` only shows that every part runs; `--database sqlite|postgres` leaves the other out.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    database: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

const PARTS: Record<string, (bench: Bench) => Promise<Section[]>> = {
  send,
  callbacks,
  accept,
  growth,
  start,
};
const FOLDER = 'bench-results';

const unknown = positionals.filter((part) => !(part in PARTS));
if (unknown.length > 0) {
  console.error(
    `There is no part ${unknown.join(', ')}: choose from ${Object.keys(PARTS).join(', ')}.`,
  );
  process.exit(1);
}
const databases = DATABASES.flatMap(({ name, url }): BenchDatabase[] => {
  const isWanted = !values.database || name.toLowerCase().startsWith(values.database.toLowerCase());
  return name !== 'MariaDB' && url && isWanted ? [{ name, url }] : [];
});
if (databases.length === 0) {
  console.error(
    `--database ${values.database}: it is sqlite, or postgres with TEST_POSTGRES_URL set.`,
  );
  process.exit(1);
}
const options = {
  quick: values.quick,
  rounds: Number(values.rounds ?? (values.quick ? 1 : 5)),
  warmUps: values.quick ? 0 : 1,
  databases,
  redisUrl: process.env.TEST_REDIS_URL,
};

const startedAt = new Date().toISOString();
const loadBefore = load();
const sections: Section[] = [];
for (const name of positionals.length > 0 ? positionals : Object.keys(PARTS)) {
  const bench = new Bench(options);
  try {
    sections.push(...(await PARTS[name](bench)));
  } finally {
    await bench.close();
  }
}
const report: Report = {
  startedAt,
  machine: machine(),
  load: [loadBefore, load()],
  rounds: options.rounds,
  sections,
};
mkdirSync(FOLDER, { recursive: true });
const file = `${FOLDER}/${startedAt.replaceAll(':', '-')}`;
writeFileSync(`${file}.json`, JSON.stringify(report, null, 2));
writeFileSync(`${file}.md`, markdown(report));
console.log(values.json ? JSON.stringify(report, null, 2) : markdown(report));
console.error(
  `Load ${report.load.map((value) => value.toFixed(1)).join(' → ')}. Written to ${file}.json and .md`,
);
