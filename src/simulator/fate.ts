/** What can go wrong with one POST of a message. `…After` means that Twilio has accepted it all the same. */
export const FAULTS = [
  'tooManyRequests',
  'errorBefore',
  'errorAfter',
  'resetBefore',
  'resetAfter',
  'hangBefore',
  'hangAfter',
  'malformedAfter',
] as const;
export type Fault = (typeof FAULTS)[number];

/** What happens to the messages of a recipient. */
export interface Fate {
  /** Statuses that are reported after acceptance, in order. @default ['sent', 'delivered', 'read'] */
  readonly statuses?: readonly string[];
  /** Error code of the statuses `failed` and `undelivered`. */
  readonly errorCode?: number;
  /** Error code with which Twilio refuses the POST. */
  readonly refuse?: number;
  /** Faults of the first POSTs, one each; later ones meet none. */
  readonly faults?: readonly Fault[];
  /** Seconds in the `Retry-After` of a `tooManyRequests`. @default 1 */
  readonly retryAfter?: number;
  /** What happens to the recipient's later messages, once Twilio has accepted one with this fate. */
  readonly next?: Fate;
  /** Holds the answer to a POST that is accepted back until this settles. */
  readonly answerAfter?: Promise<unknown>;
  /** How the reports arrive. */
  readonly callbacks?: CallbackHabits;
}

/** How Twilio treats its callbacks on a bad day. */
export interface CallbackHabits {
  /** Milliseconds before each. */
  readonly delayMs?: number;
  /** How often each is sent. @default 1 */
  readonly times?: number;
  /** Sends them in an order that the seed decides. */
  readonly shuffled?: boolean;
  /** Sends none. */
  readonly dropped?: boolean;
  /** Sends them before the answer to the POST. */
  readonly early?: boolean;
}

const failed = (errorCode: number): Fate => ({
  // WhatsApp failures are reported twice, as Twilio does.
  statuses: ['sent', 'undelivered', 'failed'],
  errorCode,
});

/** Fates by the last three digits of the recipient's number; all others read their messages. */
export const FATES_BY_NUMBER: Readonly<Record<string, Fate>> = {
  '101': { statuses: ['sent', 'delivered'] },
  '102': { statuses: ['sent'] },
  '116': failed(63016),
  '118': { ...failed(63018), next: {} },
  '124': failed(63024),
  '130': { callbacks: { times: 3 } },
  '131': { callbacks: { shuffled: true } },
  '132': { callbacks: { dropped: true } },
  '133': { callbacks: { early: true } },
  '134': { callbacks: { delayMs: 3000 } },
  '211': { refuse: 21211 },
  '429': { faults: ['tooManyRequests'] },
  '500': { faults: ['errorBefore'] },
  '501': { faults: ['errorAfter'] },
  '502': { faults: ['resetBefore'] },
  '503': { faults: ['resetAfter'] },
  '504': { faults: ['hangBefore'] },
  '505': { faults: ['hangAfter'] },
  '506': { faults: ['malformedAfter'] },
};

/** The fate that a recipient's number stands for. */
export const fateByNumber = (to: string): Fate => FATES_BY_NUMBER[to.slice(-3)] ?? {};
