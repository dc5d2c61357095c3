import { setTimeout as delay } from 'node:timers/promises';
import { nodesOn, type ChaosForm } from '../chaos-form.js';
import { ChaosRun } from '../chaos-run.js';
import { isKept } from '../judge.js';

/** Processes are killed in the middle of whatever they do, and replaced. */
export const kills: ChaosForm = {
  times: 21,
  stores: ['SQLite', 'PostgreSQL', 'MariaDB'],
  async run({ store, databaseUrl, times, seed, isControl }) {
    const run = await ChaosRun.start({
      databaseUrl,
      seed,
      nodes: nodesOn(store),
      isControl,
    });
    try {
      const findings = await run.underLoad(() =>
        run.disturbNodes(times, async (node, random) => {
          await run.activity(Math.ceil(random() * 20));
          await delay(random() * 100);
          await node.kill();
          await node.start();
        }),
      );
      return {
        isKept: isControl ? findings.sentTwice === 0 : isKept(findings),
        figures: { kills: times, ...findings },
      };
    } finally {
      await run.stop();
    }
  },
};
