import { nodesOn, type ChaosForm } from '../chaos-form.js';
import { ChaosRun } from '../chaos-run.js';
import { isKept } from '../judge.js';

const DRAIN_TIMEOUT_MS = 10_000;
const GRACE_MS = 5000;

/** Processes are asked to end while messages are under way, and replaced. */
export const drain: ChaosForm = {
  times: 20,
  stores: ['SQLite', 'PostgreSQL', 'MariaDB'],
  async run({ store, databaseUrl, times, seed }) {
    const run = await ChaosRun.start({
      databaseUrl,
      seed,
      nodes: nodesOn(store),
      // Whatever is unknown in the end is unknown because of the shutdown.
      simulator: { latencyMs: 100, faultRates: { tooManyRequests: 0.05 } },
      whatsapp: { delivery: { requestTimeoutMs: 20_000, drainTimeoutMs: DRAIN_TIMEOUT_MS } },
    });
    try {
      const took: number[] = [];
      const findings = await run.underLoad(() =>
        run.disturbNodes(times, async (node, random) => {
          await run.activity(Math.ceil(random() * 20));
          took.push(await node.drain());
          await node.start();
        }),
      );
      const longestDrainMs = Math.round(Math.max(...took));
      return {
        isKept:
          isKept(findings) &&
          findings.unknown === 0 &&
          longestDrainMs <= DRAIN_TIMEOUT_MS + GRACE_MS,
        figures: { drains: times, longestDrainMs, ...findings },
      };
    } finally {
      await run.stop();
    }
  },
};
