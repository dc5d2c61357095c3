import { nodesOn, type ChaosForm } from '../chaos-form.js';
import { ChaosRun } from '../chaos-run.js';
import { isKept } from '../judge.js';
import { LEASE_MS } from '../settings.js';

/** Processes stand still for longer than their leases, and go on as if nothing had been. */
export const stops: ChaosForm = {
  times: 100,
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
          await run.activity(Math.ceil(random() * 10));
          await node.pause(LEASE_MS * (1.1 + random()));
        }),
      );
      return {
        isKept: isControl ? findings.sentTwice === 0 : isKept(findings),
        figures: { stops: times, ...findings },
      };
    } finally {
      await run.stop();
    }
  },
};
