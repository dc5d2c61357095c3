import type { Fault, SimulatedMessage, SimulatedPost } from '../../src/simulator/index.js';
import type { ProcessLife, Span } from './chaos-node.js';
import { LEASE_MS } from './settings.js';
import type { StoredAttempt, StoredMessage } from './stored.js';

/** One POST as Twilio met it, and who sent it. */
export interface TruePost {
  readonly fault?: Fault;
  /** The SID, when Twilio has accepted it. */
  readonly sid?: string;
  readonly processId: number;
}

/** What really happened: what Twilio met and has, and what was done to the processes. */
export class Truth {
  private readonly posts = new Map<string, TruePost>();
  private readonly messages = new Map<string, SimulatedMessage[]>();
  private readonly lives: ReadonlyMap<number, ProcessLife>;

  constructor(
    posts: readonly SimulatedPost[],
    messages: Iterable<SimulatedMessage>,
    lives: readonly ProcessLife[],
    /** When the database was not there. */
    private readonly outages: readonly Span[] = [],
  ) {
    for (const { form, headers, fault, sid } of posts) {
      const [messageId, attempt] = new URL(form.get('StatusCallback')!).pathname
        .split('/')
        .slice(-3);
      const processId = Number(headers['x-chaos-process']);
      this.posts.set(`${messageId}/${attempt}`, { fault, sid, processId });
    }
    for (const message of messages) {
      const recipient = message.to;
      this.messages.set(recipient, [...(this.messages.get(recipient) ?? []), message]);
    }
    this.lives = new Map(lives.map((life) => [life.id, life]));
  }

  /** The POST of an attempt; none when the process did not get that far. */
  postOf(messageId: string, no: number): TruePost | undefined {
    return this.posts.get(`${messageId}/${no}`);
  }

  /** Whether Twilio has what the last attempt sent. */
  hasLast({ id, attempts }: StoredMessage): boolean {
    return this.postOf(id, attempts.length)?.sid !== undefined;
  }

  /** Attempts that Twilio met, as `messageId/no`. */
  get attemptsMet(): IterableIterator<string> {
    return this.posts.keys();
  }

  /** What Twilio has accepted for a recipient. */
  messagesTo(recipient: string): readonly SimulatedMessage[] {
    return this.messages.get(recipient) ?? [];
  }

  /** Why nobody could know how an attempt ended; undefined when somebody could. */
  excuseOf(messageId: string, attempt: StoredAttempt): Excuse | undefined {
    const post = this.postOf(messageId, attempt.no);
    if (post?.fault && isAmbiguous(post.fault)) return 'fault';
    const suspects = post ? [this.lives.get(post.processId)!] : [...this.lives.values()];
    const { startedAt: from, endedAt: to } = attempt;
    const span = { from, to: to ?? Infinity };
    if (suspects.some(({ killedAt }) => killedAt !== undefined && covers(span, killedAt))) {
      return 'killed';
    }
    if (suspects.some(({ pauses }) => pauses.some((pause) => overlap(span, pause))))
      return 'paused';
    if (this.outages.some((outage) => overlap(span, outage))) return 'outage';
    const isLate = to !== null && to - from >= LEASE_MS;
    return isLate || attempt.detail?.includes('TIMEOUT') ? 'timeOut' : undefined;
  }
}

/**
 * What makes an attempt ambiguous: Twilio's answer was lost, its process was killed or stood still, the database was not
 * there, or the process was too slow on a busy machine - its request or its lease timed out.
 */
export type Excuse = 'fault' | 'killed' | 'paused' | 'outage' | 'timeOut';

/** Whether whoever sent a request that met the fault cannot know what became of it. */
export const isAmbiguous = (fault: Fault): boolean => fault !== 'tooManyRequests';

const covers = ({ from, to }: Span, at: number): boolean => from <= at && at <= to;
const overlap = (a: Span, b: Span): boolean => a.from <= b.to && b.from <= a.to;
