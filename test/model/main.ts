import { check, type CheckOptions } from './model.js';
import { MUTANTS } from './mutants.js';

/** Prints what the model check finds: `npm run model`. */
function report(name: string, options: CheckOptions): void {
  const { states, transitions, violation } = check(options);
  console.log(
    `${name}: ${states} states, ${transitions} transitions, ${violation ? `broken: ${violation.promise}` : 'no promise broken'}`,
  );
  violation?.moves.forEach((move) => console.log(`    ${move}`));
}

report('the protocol', {});
report('an operator who resends what Twilio has', { operatorResends: true });
for (const policy of ['resend-after-verify', 'resend'] as const) {
  report(`the policy ${policy}`, { policy, promise: 'never sent twice' });
}
for (const [name, options] of Object.entries(MUTANTS)) report(`mutant: ${name}`, options);
