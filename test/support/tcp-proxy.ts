import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A way to a server, on loopback, that can be cut off and restored. */
export class TcpProxy {
  private readonly sockets = new Set<Socket>();
  private server: Server;
  private port = 0;

  /** @param target the server's URL */
  constructor(private readonly target: URL) {}

  async start(): Promise<this> {
    this.server = createServer((near) => {
      const far = connect(Number(this.target.port), this.target.hostname);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ]) {
        this.sockets.add(from);
        from.pipe(to);
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

  /** Ends all connections and refuses new ones, until it is started again. */
  async cut(): Promise<void> {
    if (!this.server.listening) return;
    this.server.close();
    this.sockets.forEach((socket) => socket.destroy());
    await once(this.server, 'close');
  }
}
