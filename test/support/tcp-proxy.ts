import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

// Not the COMMITTED of an isolation level.
const COMMIT = /\bCOMMIT\b/;

/** A way to a server, on loopback, that can be cut off and restored. */
export class TcpProxy {
  private readonly sockets = new Set<Socket>();
  private server: Server;
  private port = 0;
  private armed?: { lost: () => void; isSilent: boolean; after: string };
  private isHanging = false;
  private refused?: string;

  /** @param target the server's URL */
  constructor(private readonly target: URL) {}

  async start(): Promise<this> {
    this.server = createServer((near) => {
      const far = connect(Number(this.target.port), this.target.hostname);
      let sent = '';
      near.on('data', (chunk: Buffer) => {
        if (this.refused && chunk.includes(this.refused)) near.destroy();
        sent += chunk.toString('latin1');
        const isCommit = COMMIT.test(chunk.toString('latin1'));
        const isMeant = isCommit && sent.includes(this.armed?.after ?? '');
        if (isCommit) sent = '';
        if (!this.armed || !isMeant) return;
        const { lost, isSilent } = this.armed;
        this.armed = undefined;
        far.unpipe(near);
        if (isSilent) {
          far.once('data', lost);
          far.resume();
          return;
        }
        far.once('data', () => {
          near.destroy();
          lost();
        });
        far.resume();
      });
      for (const [from, to] of [
        [near, far],
        [far, near],
      ]) {
        this.sockets.add(from);
        from.pipe(to);
        if (this.isHanging) from.pause();
        // A connection that is cut off ends at both sides; how does not matter.
        from.on('error', () => to.destroy());
        from.on('close', () => {
          this.sockets.delete(from);
          to.destroy();
        });
      }
    });
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    ({ port: this.port } = this.server.address() as AddressInfo);
    return this;
  }

  /** The URL of the server by way of here. */
  get url(): string {
    const url = new URL(this.target);
    url.hostname = '127.0.0.1';
    url.port = String(this.port);
    return url.href;
  }

  /**
   * Lets the next commit of a transaction with this text come about, and breaks its connection before the answer.
   * Resolves when that has happened.
   */
  loseNextCommit(after: string): Promise<void> {
    return new Promise((lost) => {
      this.armed = { lost, isSilent: false, after };
    });
  }

  /** The same, but its connection stands and answers nothing any more. */
  silenceNextCommit(): Promise<void> {
    return new Promise((lost) => {
      this.armed = { lost, isSilent: true, after: '' };
    });
  }

  /** Breaks each connection on which this text is sent, as a server does with a packet that is too large for it. */
  refuse(text: string): void {
    this.refused = text;
  }

  /** Lets nothing through from now on, or everything again; connections stand. */
  hang(isHanging: boolean): void {
    this.isHanging = isHanging;
    for (const socket of this.sockets) {
      if (isHanging) socket.pause();
      else socket.resume();
    }
  }

  /** Ends all connections and refuses new ones, until it is started again. */
  async cut(): Promise<void> {
    if (!this.server.listening) return;
    this.server.close();
    this.sockets.forEach((socket) => socket.destroy());
    await once(this.server, 'close');
  }
}
