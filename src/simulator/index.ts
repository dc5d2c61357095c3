export type { SentCallback } from './callbacks.js';
export { FATES_BY_NUMBER, FAULTS, type CallbackHabits, type Fate, type Fault } from './fate.js';
export type { SimulatedMessage } from './simulated-message.js';
export {
  TwilioSimulator,
  type SimulatedAccount,
  type SimulatedPost,
  type SimulatorOptions,
} from './simulator.js';
