import type { Socket } from 'node:net';
import type {
  AfterQueryEvent,
  BeforeQueryEvent,
  EntitySubscriberInterface,
  QueryRunner,
} from 'typeorm';

/** What all tables of the module begin with. */
const TABLE_PREFIX = 'twilio_whatsapp_';

/** Where drivers keep the connection's socket: mysql2 in the connection, pg one level deeper. */
interface DriverConnection {
  readonly stream?: Socket;
  readonly connection?: { readonly stream?: Socket };
}

/**
 * Ends statements that take too long, together with their connection: a server that is gone without a word keeps the
 * connection open and answers nothing, and the driver's own time-outs leave such a connection in the pool.
 *
 * It watches the module's own connections, and single statements on its tables. What a host does within its own
 * transactions is the host's to bound.
 */
export class StatementDeadlines implements EntitySubscriberInterface {
  private readonly own = new WeakSet<QueryRunner>();
  private readonly running = new Map<QueryRunner, NodeJS.Timeout>();

  /** @param ms that a statement may take */
  constructor(private ms: number) {}

  /** Watches every statement on this connection, whatever it is about. */
  watch(queryRunner: QueryRunner): void {
    this.own.add(queryRunner);
  }

  /** Lets statements take no longer than this from now on, those that are running among them. */
  shorten(ms: number): void {
    this.ms = ms;
    for (const queryRunner of this.running.keys()) this.begin(queryRunner);
  }

  beforeQuery({ queryRunner, query }: BeforeQueryEvent): void {
    const isOwn = this.own.has(queryRunner);
    if (isOwn || (!queryRunner.isTransactionActive && query.includes(TABLE_PREFIX))) {
      this.begin(queryRunner);
    }
  }

  afterQuery({ queryRunner }: AfterQueryEvent): void {
    clearTimeout(this.running.get(queryRunner));
    this.running.delete(queryRunner);
  }

  private begin(queryRunner: QueryRunner): void {
    clearTimeout(this.running.get(queryRunner));
    this.running.set(
      queryRunner,
      setTimeout(() => void this.end(queryRunner), this.ms),
    );
  }

  private async end(queryRunner: QueryRunner): Promise<void> {
    const { stream, connection } = (await queryRunner.connect()) as DriverConnection;
    const error = new Error(`no answer within ${this.ms} ms`);
    (stream ?? connection?.stream)?.destroy(Object.assign(error, { code: 'STATEMENT_TIMEOUT' }));
  }
}
