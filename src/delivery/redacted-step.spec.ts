import type { Report } from './evidence.js';
import { initialState, type MessageState } from './message-state.js';
import { step } from './message-step.js';
import { redactedStep } from './redacted-step.js';

const SID = `SM${'a'.repeat(32)}`;
const SENT: MessageState = {
  ...initialState(0, 1e9),
  status: 'sent',
  dueAt: null,
  sid: SID,
  sidSource: 'response',
  attempts: 1,
  sentAt: 1,
};
const FAILED: Report & { at: number } = {
  kind: 'reported',
  at: 5,
  source: 'callback',
  sid: SID,
  providerStatus: 'failed',
  type: 'discarded',
  matchedBy: 'url',
  attempt: 1,
  discard: { reason: 'rate_limited', explanation: 'words', errorCode: 63018 },
  jitter: 0.5,
  raw: '{"ErrorMessage":"words"}',
};

describe('redactedStep', () => {
  it('gives up what would otherwise be tried again, without words', () => {
    expect(step(SENT, FAILED).state.status).toBe('queued');
    const { state, event, learnt } = redactedStep(SENT, FAILED);
    expect(state).toMatchObject({ status: 'discarded', reason: 'rate_limited', errorCode: 63018 });
    expect(JSON.stringify({ state, event })).not.toContain('words');
    expect(learnt).toEqual(['discarded']);
  });

  it('still moves the status up', () => {
    const read = { ...FAILED, providerStatus: 'read', type: 'seen', discard: undefined } as const;
    expect(redactedStep(SENT, read).state).toMatchObject({ status: 'seen', seenAt: 5 });
  });
});
