import { parseArgs } from 'node:util';
import { DATABASES } from '../support/databases.js';
import { FORMS } from './forms/index.js';

/**
 * `npm run chaos -- kills --times 60 --seed 1 --store PostgreSQL`: disturbs the system while notifications flow, on
 * every database at hand, and fails when a promise was broken. `--control` runs the usual rule "try again after every
 * failure", which must break one: else the run could not see it.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    times: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    store: { type: 'string' },
    control: { type: 'boolean', default: false },
  },
});
const [name] = positionals;
const form = Object.hasOwn(FORMS, name ?? '') ? FORMS[name] : undefined;
if (!form) {
  console.error(`Which form? ${Object.keys(FORMS).join(', ')}`);
  process.exit(2);
}

let isBroken = false;
for (const { name: store, url } of DATABASES) {
  if (!form.stores.includes(store)) continue;
  if (values.store && values.store.toLowerCase() !== store.toLowerCase()) continue;
  const missing =
    form.missing?.() ?? (url || form.bringsDatabase ? undefined : 'its URL is not set');
  if (missing) {
    console.log(`${name}, ${store}: skipped, ${missing}`);
    continue;
  }
  const seed = Number(values.seed);
  const started = Date.now();
  const { isKept, figures } = await form.run({
    store,
    databaseUrl: url ?? store,
    times: Number(values.times ?? form.times),
    seed,
    isControl: values.control,
  });
  const seconds = Math.round((Date.now() - started) / 1000);
  console.log(`${name}, ${store}, seed ${seed}, ${seconds} s: ${JSON.stringify(figures)}`);
  isBroken ||= isKept === values.control;
}
console.log(verdict());
process.exit(isBroken ? 1 : 0);

function verdict(): string {
  if (values.control)
    return isBroken ? 'The control broke nothing.' : 'The control is seen to fail.';
  return isBroken ? 'A promise was broken.' : 'Every promise was kept.';
}
