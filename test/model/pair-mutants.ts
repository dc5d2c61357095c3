import { judge } from '../../src/delivery/list-match.js';
import { adopt } from '../../src/delivery/message-transitions.js';
import { disproofBy } from '../../src/delivery/disproof.js';
import { step } from '../../src/delivery/message-step.js';
import { contest } from '../../src/delivery/sid-holder.js';
import type { PairOptions, SidRules } from './pair.js';

const judging = (
  change: (...given: Parameters<typeof judge>) => Parameters<typeof judge>,
): Partial<SidRules> => ({
  judge: (...given) => judge(...change(...given)),
});

/** Rules about SIDs, each broken in one place: the model check must object to every one of them. */
export const PAIR_MUTANTS: Readonly<Record<string, PairOptions>> = {
  'a lookup does not wait for what is being sent': {
    rules: judging((list, lost, { open, ...context }) => [
      list,
      lost,
      { ...context, open: open.filter(({ isSending }) => !isSending) },
    ]),
  },
  'fewer entries than attempts are enough': {
    rules: judging((list, lost, { open, ...context }) => [
      list,
      lost,
      { ...context, open: open.slice(0, 1) },
    ]),
  },
  'a list is taken for proof where another program sends': {
    hasForeign: true,
    rules: judging((list, lost, context) => [list, lost, { ...context, isExclusive: true }]),
  },
  'what is known is read before the list': { rules: { readsListFirst: false } },
  'attempts of messages that an operator has settled are not counted': {
    operatorKnows: true,
    rules: { countsSettled: false },
  },
  'proof does not take a SID from a guess': {
    operatorGuesses: true,
    rules: { contest: (...given) => (contest(...given) === 'free' ? 'free' : 'taken') },
  },
  'a guess takes a SID from proof': {
    operatorGuesses: true,
    rules: { contest: (...given) => (contest(...given) === 'free' ? 'free' : 'takenBack') },
  },
  'a message keeps its guess beside proof of another SID': {
    operatorGuesses: true,
    rules: {
      disproofBy: (state, evidence) =>
        evidence.kind === 'accepted' || evidence.kind === 'reported'
          ? undefined
          : disproofBy(state, evidence),
    },
  },
  'a message keeps its guess beside the answer that it was refused': {
    operatorGuesses: true,
    rules: {
      disproofBy: (state, evidence) =>
        evidence.kind === 'rejected' ? undefined : disproofBy(state, evidence),
    },
  },
  'a report that is found by a SID makes it certain': {
    operatorGuesses: true,
    rules: {
      step: (state, evidence) => {
        const taken = step(state, evidence);
        return evidence.kind === 'reported' && evidence.matchedBy === 'sid'
          ? {
              ...taken,
              state: adopt(taken.state, { sid: evidence.sid, source: 'callback' }, evidence),
            }
          : taken;
      },
    },
  },
  'a guess calls for another attempt': {
    operatorGuesses: true,
    hasLimits: true,
    rules: {
      step: (state, evidence) =>
        evidence.kind === 'reported' && evidence.jitter !== undefined
          ? step({ ...state, sidSource: state.sid === null ? null : 'response' }, evidence)
          : step(state, evidence),
    },
  },
  'an entry that is believed to be another’s is ruled out': {
    operatorGuesses: true,
    resends: true,
    rules: judging((list, lost, { known, ...context }) => [
      list,
      lost,
      { ...context, known: known.map(({ sid }) => ({ sid, source: 'response' })) },
    ]),
  },
};
