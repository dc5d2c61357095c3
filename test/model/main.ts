import type { CheckResult } from './explore.js';
import { check } from './model.js';
import { MUTANTS } from './mutants.js';
import { PAIR_MUTANTS } from './pair-mutants.js';
import { checkPair, type PairOptions } from './pair.js';

/** Prints what the model checks find, and exits with 1 when that is not what the protocol promises: `npm run model`. */
let isAsExpected = true;

function report(name: string, isSafe: boolean, { states, transitions, violation }: CheckResult) {
  const found = violation ? `broken: ${violation.promise}` : 'no promise broken';
  console.log(`${name}: ${states} states, ${transitions} transitions, ${found}`);
  violation?.moves.forEach((move) => console.log(`    ${move}`));
  if (isSafe === (violation !== undefined)) {
    isAsExpected = false;
    console.log('    THIS WAS NOT EXPECTED');
  }
}

const PAIRS: Readonly<Record<string, PairOptions>> = {
  'no other program sends': {},
  'another program sends': { hasForeign: true },
  'another program sends, against the configuration': { hasForeign: true, isExclusive: true },
  'an operator guesses': { operatorGuesses: true },
  'an operator guesses, another program sends': { operatorGuesses: true, hasForeign: true },
  'an operator knows': { operatorKnows: true },
  'an operator knows, another program sends': { operatorKnows: true, hasForeign: true },
  'what is missing in the list is sent again': { resends: true },
  'the same, and another program sends': { resends: true, hasForeign: true },
  'the same, and an operator guesses': { resends: true, operatorGuesses: true },
  'a limit calls for another attempt': { hasLimits: true },
};

report('the protocol', true, check());
report('an operator who resends what Twilio has', false, check({ operatorResends: true }));
for (const policy of ['resend-after-verify', 'resend'] as const) {
  report(`the policy ${policy}`, false, check({ policy, promise: 'never sent twice' }));
}
for (const [name, options] of Object.entries(MUTANTS)) {
  report(`mutant: ${name}`, false, check(options));
}
for (const [name, options] of Object.entries(PAIRS)) {
  report(`two messages: ${name}`, true, checkPair(options));
}
for (const [name, options] of Object.entries(PAIR_MUTANTS)) {
  report(`two messages, mutant: ${name}`, false, checkPair(options));
}
process.exit(isAsExpected ? 0 : 1);
