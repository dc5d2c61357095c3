import { setTimeout as delay } from 'node:timers/promises';
import { nodesOn, type ChaosForm } from '../chaos-form.js';
import { ChaosRun } from '../chaos-run.js';
import { isKept } from '../judge.js';
import { missingProgram, OwnRedis } from '../own-server.js';

/** Redis, which only wakes the nodes up, is killed and comes back empty, or is emptied. */
export const redis: ChaosForm = {
  times: 20,
  stores: ['PostgreSQL', 'MariaDB'],
  missing: () => missingProgram('redis-server'),
  async run({ store, databaseUrl, times, seed }) {
    const server = await OwnRedis.start();
    try {
      const run = await ChaosRun.start({
        databaseUrl,
        seed,
        nodes: nodesOn(store),
        whatsapp: { redis: server.url },
      });
      try {
        const random = run.random();
        const findings = await run.underLoad(async () => {
          for (let loss = 0; loss < times; loss++) {
            await run.activity(Math.ceil(random() * 40));
            if (loss % 2 === 0) {
              await server.kill();
              await delay(random() * 1000);
              await server.boot();
            } else {
              await server.flush();
            }
          }
        });
        return { isKept: isKept(findings), figures: { losses: times, ...findings } };
      } finally {
        await run.stop();
      }
    } finally {
      await server.kill();
    }
  },
};
