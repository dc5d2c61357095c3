import type { MessageState } from '../../src/delivery/message-state.js';
import { step } from '../../src/delivery/message-step.js';
import type { CheckOptions, Reducer } from './model.js';

/** Changes the state that one kind of evidence leads to. */
const after =
  (
    kind: string,
    change: (next: MessageState, before: MessageState) => Partial<MessageState>,
  ): Reducer =>
  (state, evidence) => {
    const taken = step(state, evidence);
    if (evidence.kind !== kind) return taken;
    const next = { ...taken.state, ...change(taken.state, state) };
    return { ...taken, state: next, applied: true };
  };

const queuedAgain = { status: 'queued', dueAt: 0 } as const;

/** Rules of the protocol, each broken in one place: the model check must object to every one of them. */
export const MUTANTS: Readonly<Record<string, CheckOptions>> = {
  'what is ambiguous is sent again': {
    reducer: after('ambiguous', ({ status }) => (status === 'unknown' ? queuedAgain : {})),
  },
  'what was being sent is sent again when its lease ends': {
    reducer: after('lapsed', ({ status }) => (status === 'unknown' ? queuedAgain : {})),
  },
  'a stale worker may give back what another sends': {
    reducer: (state, evidence) =>
      evidence.kind === 'notSent' && state.status === 'sending'
        ? { state: { ...state, ...queuedAgain }, applied: true, learnt: [] }
        : step(state, evidence),
  },
  'a start may have the fence of one that was rolled back': {
    reducer: (state, evidence) =>
      evidence.kind === 'started'
        ? step(state, { ...evidence, fence: state.fence + 1 })
        : step(state, evidence),
  },
  'what is being sent may be started again': {
    reducer: (state, evidence) =>
      evidence.kind === 'started' && state.status === 'sending'
        ? step({ ...state, ...queuedAgain }, evidence)
        : step(state, evidence),
  },
  'what is being sent may be cancelled': {
    reducer: (state, evidence) =>
      evidence.kind === 'canceled' && state.status === 'sending'
        ? step({ ...state, ...queuedAgain }, evidence)
        : step(state, evidence),
  },
  'a late report lowers the status': {
    reducer: after('reported', (next, before) =>
      before.status === 'seen' ? { status: 'delivered' } : {},
    ),
  },
  'a second SID takes the place of the first': {
    reducer: after('accepted', (_next, { sid }) => (sid === null ? {} : { sid: 'SM-other' })),
  },
  'a late answer revives an attempt that has failed': {
    reducer: (state, evidence) =>
      evidence.kind === 'accepted'
        ? step({ ...state, failedAttempts: 0 }, evidence)
        : step(state, evidence),
  },
  'any failure calls for another attempt': {
    reducer: (state, evidence) =>
      evidence.kind === 'reported' && evidence.type === 'discarded'
        ? step(
            { ...state, status: state.status === 'seen' ? 'sent' : state.status },
            { ...evidence, jitter: 0 },
          )
        : step(state, evidence),
  },
  'nothing sent is called sent': {
    reducer: after('ambiguous', ({ status }) => (status === 'unknown' ? { status: 'sent' } : {})),
  },
};
