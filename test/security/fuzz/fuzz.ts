import { connect } from 'node:net';
import { fuzzRequests, type FuzzRequest } from './generator.js';

/** What came of a run. */
export interface FuzzReport {
  requests: number;
  /** Answers by status; 0 stands for a connection that was closed without one. */
  readonly statuses: Record<string, number>;
  /** What must not have happened, a line each. */
  readonly problems: string[];
}

const IN_FLIGHT = 16;
const ANSWER_MS = 20_000;
const MAX_PROBLEMS = 20;

/** Sends generated requests to a server, and notes every answer that no request may get. */
export async function fuzz(
  port: number,
  headers: readonly string[],
  { requests, seed }: { requests: number; seed: number },
): Promise<FuzzReport> {
  const report: FuzzReport = { requests: 0, statuses: {}, problems: [] };
  const next = fuzzRequests(seed, headers);
  let index = 0;
  const work = async () => {
    while (index < requests) {
      const request = next(index++);
      const status = await exchange(port, request);
      report.requests++;
      report.statuses[status] = (report.statuses[status] ?? 0) + 1;
      const problem = problemOf(request, status);
      if (problem && report.problems.length < MAX_PROBLEMS) report.problems.push(problem);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  return report;
}

function problemOf(request: FuzzRequest, status: number): string | undefined {
  const { kind, method, path, body, breaksHttp, expected } = request;
  const isFine = expected === undefined ? status !== 0 || breaksHttp === true : status === expected;
  if (isFine && status < 500) return undefined;
  return `${status} (${kind}) ${method} ${path.slice(0, 200)} ${body.toString('utf8').slice(0, 500)}`;
}

/** @returns the status of the answer; 0 when the connection was closed without one */
function exchange(port: number, request: FuzzRequest): Promise<number> {
  const { method, path, headers, body } = request;
  const head = [
    `${method} ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Connection: close',
    `Content-Length: ${body.length}`,
    ...headers,
  ].join('\r\n');
  return new Promise((resolve) => {
    let answer = '';
    let later: NodeJS.Timeout | undefined;
    const socket = connect(port, '127.0.0.1');
    const done = () => {
      clearTimeout(deadline);
      clearTimeout(later);
      socket.destroy();
      resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0));
    };
    const deadline = setTimeout(done, ANSWER_MS);
    const sendBody = () => {
      if (answer === '' && socket.writable) socket.write(body);
    };
    socket.on('connect', () => {
      socket.write(`${head}\r\n\r\n`, 'utf8');
      // Who is told that it is too much may be gone before it has come.
      if (body.length > 1e6) later = setTimeout(sendBody, 3000);
      else sendBody();
    });
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (answer.startsWith('HTTP/1.1 100')) answer = answer.slice(answer.indexOf('\r\n\r\n') + 4);
      if (/^HTTP\/1\.1 \d{3}/.test(answer)) done();
    });
    socket.on('error', done);
    socket.on('close', done);
  });
}
