import { setTimeout as delay } from 'node:timers/promises';
import { nodesOn, type ChaosForm } from '../chaos-form.js';
import { ChaosRun } from '../chaos-run.js';
import { isKept } from '../judge.js';
import { LEASE_MS } from '../settings.js';
import { missingProgram, OwnPostgres } from '../own-server.js';

/** The database crashes under the nodes, and recovers. */
export const database: ChaosForm = {
  times: 20,
  stores: ['PostgreSQL'],
  bringsDatabase: true,
  missing: () => missingProgram('initdb', 'pg_ctl'),
  async run({ store, times, seed }) {
    const postgres = await OwnPostgres.start();
    try {
      const run = await ChaosRun.start({ databaseUrl: postgres.url, seed, nodes: nodesOn(store) });
      try {
        const random = run.random();
        const findings = await run.underLoad(async () => {
          for (let crash = 0; crash < times; crash++) {
            await run.activity(Math.ceil(random() * 40));
            const from = Date.now();
            await postgres.crash();
            await delay(random() * 1000);
            await postgres.boot();
            // What was under way is told to the database for some time after it came back.
            run.outages.push({ from, to: Date.now() + LEASE_MS });
          }
        });
        return { isKept: isKept(findings), figures: { crashes: times, ...findings } };
      } finally {
        await run.stop();
      }
    } finally {
      await postgres.stop();
    }
  },
};
