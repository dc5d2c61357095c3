import type { Bench } from '../bench.js';
import type { Program } from '../harness/program.js';
import type { Measurement } from '../harness/measurement.js';
import type { LoadResult } from '../load/exchange.js';
import type { Server, ServerSettings } from '../programs/server.js';

/** A server under load, seen from outside. */
export class Served {
  private constructor(
    private readonly program: Program<Server>,
    readonly port: number,
    readonly instanceId?: string,
  ) {}

  static async start(bench: Bench, settings: Partial<ServerSettings>): Promise<Served> {
    // Nobody sends anything here: there is no Twilio to send it to.
    const program = await bench.start<Server>('server', {
      twilioUrl: 'http://127.0.0.1:9',
      ...settings,
    });
    const { port, instanceId } = await program.call('address');
    return new Served(program, port, instanceId);
  }

  /** Measures the server while it answers so many pieces of work. */
  async under(count: number, load: () => Promise<LoadResult>): Promise<Measurement> {
    const before = await this.program.call('cpuSeconds');
    const { seconds, p99Ms } = await load();
    const cpuSeconds = (await this.program.call('cpuSeconds')) - before;
    return { rate: count / seconds, cpuUs: (cpuSeconds * 1e6) / count, p99Ms };
  }
}
