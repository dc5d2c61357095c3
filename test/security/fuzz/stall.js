// Loaded before a server under test: tells its parent, when asked, how long its event loop stood still at most.
import { monitorEventLoopDelay } from 'node:perf_hooks';

const delays = monitorEventLoopDelay({ resolution: 10 });
process.on('message', () =>
  process.send({ p99: delays.percentile(99) / 1e6, max: delays.max / 1e6 }),
);
process.channel.unref();
setTimeout(() => delays.enable(), 5000).unref();
