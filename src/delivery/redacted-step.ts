import type { Evidence } from './evidence.js';
import type { MessageState, Step } from './message-state.js';
import { step } from './message-step.js';

/**
 * {@link step} of a message whose content and address were erased: words do not come back with what is learnt late,
 * and a failure calls for no other attempt, because there is nothing left to send.
 */
export function redactedStep(before: MessageState, evidence: Evidence): Step {
  const { state, attempt, event, ...taken } = step(
    before,
    evidence.kind === 'reported' ? { ...evidence, jitter: undefined } : evidence,
  );
  return {
    ...taken,
    state: { ...state, explanation: null },
    attempt: attempt && { ...attempt, detail: undefined },
    event: event && { ...event, explanation: undefined, raw: undefined },
  };
}
