import { connect } from 'node:net';
import { Connection } from './connection.js';

export interface ExchangeSettings {
  readonly port: number;
  readonly connections: number;
  /** Whether every request comes over a connection of its own. */
  readonly isFresh?: boolean;
}

export interface LoadResult {
  readonly seconds: number;
  readonly p99Ms: number;
}

/** Sends all requests, one at a time on each connection. @throws Error at the first answer that is no success */
export async function exchangeAll(
  requests: readonly Buffer[],
  { port, connections, isFresh = false }: ExchangeSettings,
): Promise<LoadResult> {
  const latencies: number[] = [];
  let next = 0;
  const open = () => connect({ port, host: '127.0.0.1', noDelay: true });
  const client = async () => {
    let connection = isFresh ? undefined : await Connection.over(open());
    while (next < requests.length) {
      const request = requests[next++];
      const begun = performance.now();
      connection ??= await Connection.over(open());
      const { status, body } = await connection.exchange(request);
      latencies.push(performance.now() - begun);
      if (status >= 300) throw new Error(`The answer was ${status}: ${body}`);
      if (isFresh) {
        connection.end();
        connection = undefined;
      }
    }
    connection?.end();
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: connections }, client));
  const seconds = (performance.now() - begun) / 1000;
  latencies.sort((a, b) => a - b);
  return { seconds, p99Ms: latencies[Math.floor(latencies.length * 0.99)] };
}
