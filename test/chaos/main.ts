import { parseArgs } from 'node:util';
import { DATABASES } from '../support/databases.js';
import { runKills } from './kill.js';

/**
 * `npm run chaos -- --kills 60 --seed 1`: kills processes at random on every database at hand, and fails when a
 * message was lost, sent twice or told wrongly. `--control` runs the usual rule "try again after every failure", which
 * must send twice: else the run could not see it.
 */
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    store: { type: 'string' },
    control: { type: 'boolean', default: false },
  },
});

let isBroken = false;
for (const { name, url } of DATABASES) {
  if (values.store && values.store.toLowerCase() !== name.toLowerCase()) continue;
  if (!url) {
    console.log(`${name}: skipped, its URL is not set`);
    continue;
  }
  const nodes = url === 'sqlite' ? 1 : 2;
  const seed = Number(values.seed);
  const started = Date.now();
  const report = await runKills({
    database: url,
    nodes,
    kills: Number(values.kills),
    seed,
    resendsAmbiguous: values.control,
  });
  const seconds = Math.round((Date.now() - started) / 1000);
  console.log(`${name}, ${nodes} node(s), seed ${seed}, ${seconds} s: ${JSON.stringify(report)}`);
  isBroken ||= report.lost > 0 || report.lies > 0 || report.sentTwice > 0 !== values.control;
}
process.exit(isBroken ? 1 : 0);
