import { check } from './model.js';
import { MUTANTS } from './mutants.js';
import { PAIR_MUTANTS } from './pair-mutants.js';
import { checkPair } from './pair.js';

describe('the model check', () => {
  it('finds no broken promise in the protocol', () => {
    const { states, violation } = check();
    expect(violation).toBeUndefined();
    expect(states).toBeGreaterThan(350);
  });

  it.each(Object.entries(MUTANTS))('objects when %s', (_rule, options) => {
    expect(check(options).violation).toBeDefined();
  });

  it.each(['resend-after-verify', 'resend'] as const)(
    'shows how the policy %s sends twice',
    (policy) => {
      expect(check({ policy, promise: 'never sent twice' }).violation).toBeDefined();
    },
  );

  it('shows what an operator breaks who resends what Twilio has', () => {
    expect(check({ operatorResends: true }).violation).toBeDefined();
  });
});

describe('the model check of two messages that nothing but their SIDs tells apart', () => {
  it.each([[{}], [{ hasForeign: true }], [{ operatorGuesses: true }], [{ operatorKnows: true }]])(
    'finds no broken promise with %j',
    (options) => {
      const { states, violation } = checkPair(options);
      expect(violation).toBeUndefined();
      expect(states).toBeGreaterThan(2000);
    },
  );

  it.each(Object.entries(PAIR_MUTANTS))('objects when %s', (_rule, options) => {
    expect(checkPair(options).violation).toBeDefined();
  });
});
