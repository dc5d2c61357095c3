import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const ANSWER_MS = 20_000;
const FINAL_ANSWER = /(?:^|\r\n\r\n)HTTP\/1\.1 ([2-5]\d\d)[^]*?\r\n\r\n[^]*$/;

/** A request as its bytes, of which a part may be held back; it goes on sending after its answer. */
export class RawRequest {
  private readonly socket: Socket;
  private received = '';
  private hasEnded = false;
  private error?: string;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1');
    });
    this.socket.on('end', () => {
      this.hasEnded = true;
    });
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error ??= error.code;
    });
  }

  /** @param headers one a line */
  head(method: string, path: string, headers: readonly string[]): this {
    const lines = [`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...headers];
    return this.write(`${lines.join('\r\n')}\r\n\r\n`);
  }

  write(bytes: string | Uint8Array): this {
    this.socket.write(bytes);
    return this;
  }

  /** One part of a body whose length is not said beforehand. */
  writeChunk(bytes: string): this {
    return this.write(`${Buffer.byteLength(bytes).toString(16)}\r\n${bytes}\r\n`);
  }

  /** The status of the final answer, and all that has come of it; status 0 when the connection ended without one. */
  async answer(): Promise<{ status: number; text: string }> {
    const final = () => FINAL_ANSWER.exec(this.received);
    await this.until('an answer', () => final() !== null || this.isOver);
    return { status: Number(final()?.[1] ?? 0), text: final()?.[0] ?? this.received };
  }

  /** How the server ended the connection: `in order`, or the code of the error. */
  async closed(): Promise<string> {
    await this.until('the end of the connection', () => this.isOver);
    this.socket.end();
    await this.until('the close of the connection', () => this.socket.closed);
    return this.error ?? 'in order';
  }

  destroy(): void {
    this.socket.destroy();
  }

  private get isOver(): boolean {
    return this.hasEnded || this.error !== undefined || this.socket.closed;
  }

  private async until(what: string, isThere: () => boolean): Promise<void> {
    const waiting = new AbortController();
    const deadline = setTimeout(() => waiting.abort(), ANSWER_MS);
    while (!isThere() && !waiting.signal.aborted) {
      const round = new AbortController();
      const signal = AbortSignal.any([waiting.signal, round.signal]);
      const next = ['data', 'end', 'close'].map((event) => once(this.socket, event, { signal }));
      // That it ends with an error is kept above.
      const settled = next.map((each) => each.catch(() => undefined));
      await Promise.race(settled);
      round.abort();
    }
    clearTimeout(deadline);
    if (!isThere()) {
      throw new Error(`${what} did not come in ${ANSWER_MS} ms, but: "${this.received}"`);
    }
  }
}
