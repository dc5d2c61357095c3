import { monitorEventLoopDelay } from 'node:perf_hooks';
import { API_KEY, API_SECRET, PLATFORMS, startApplication } from '../support/application.js';
import { fuzz } from './fuzz/fuzz.js';

const REQUESTS = 600;

describe.each(PLATFORMS)('strange requests on %s', (platform) => {
  it(`${REQUESTS} of them get an answer below 500`, async () => {
    const t = await startApplication({ platform });
    const stall = monitorEventLoopDelay({ resolution: 10 });
    stall.enable();
    const seed = Number(process.env.FUZZ_SEED ?? 20_260_101);
    const report = await fuzz(
      Number(new URL(t.url).port),
      [`X-ENGAGESPOT-API-KEY: ${API_KEY}`, `X-ENGAGESPOT-API-SECRET: ${API_SECRET}`],
      { requests: REQUESTS, seed },
    );
    stall.disable();
    await t.stop();
    expect({ seed, problems: report.problems }).toEqual({ seed, problems: [] });
    expect(report.requests).toBe(REQUESTS);
    expect(report.statuses['202']).toBeGreaterThan(5);
    expect(report.statuses['413']).toBeGreaterThan(1);
    // Other work of the machine decides how long it was; that it was measured at all does not depend on it.
    expect(stall.max).toBeGreaterThan(0);
  }, 120_000);
});
