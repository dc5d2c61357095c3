import type { Fate, Fault, SimulatedAccount } from '../../src/simulator/index.js';

/** The API key of the nodes. */
export const API = { key: 'chaos-key', secret: 'chaos-secret' };

/** Milliseconds after which a request to Twilio is given up. */
export const REQUEST_TIMEOUT_MS = 600;

/** Milliseconds for which a process holds a message. */
export const LEASE_MS = 1.5 * REQUEST_TIMEOUT_MS;

/** One provider instance and its account. Many, because Twilio's list is asked once a second for each. */
export interface ChaosInstance {
  readonly name: string;
  readonly account: SimulatedAccount;
  readonly fromNumber: string;
}

export const INSTANCES: readonly ChaosInstance[] = Array.from({ length: 120 }, (_, index) => {
  const hex = index.toString(16).padStart(2, '0');
  return {
    name: `instance-${index}`,
    account: { accountSid: `AC${'d'.repeat(30)}${hex}`, authToken: `not-a-real-auth-token-${hex}` },
    fromNumber: `+1${200 + index}5550100`,
  };
});

/** No pacing: what is looked for here shows sooner when everything goes as fast as it can. */
export const UNPACED = { messagesPerSecond: 100_000, delivery: { accountMessagesPerSecond: 0 } };

/** A bad day at Twilio's. */
export const FAULT_RATES: Partial<Record<Fault, number>> = {
  tooManyRequests: 0.05,
  errorBefore: 0.02,
  errorAfter: 0.02,
  resetBefore: 0.02,
  resetAfter: 0.02,
  hangBefore: 0.01,
  hangAfter: 0.01,
  malformedAfter: 0.02,
};

/** What becomes of messages: most are read. */
export const FATES: readonly Fate[] = [
  {},
  {},
  {},
  {},
  {},
  {},
  {},
  { statuses: ['sent', 'delivered'] },
  { statuses: ['sent', 'undelivered', 'failed'], errorCode: 63016 },
  // A limit was exceeded: it is sent again, and fails again.
  { statuses: ['sent', 'undelivered', 'failed'], errorCode: 63018 },
  { refuse: 21211 },
];

/** Milliseconds that a POST takes, so that processes are killed while requests are under way. */
export const LATENCY_MS = 20;
