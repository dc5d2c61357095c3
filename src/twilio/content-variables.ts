import type { Outcome } from './outcome.js';
import type { TwilioParameters } from './twilio.gateway.js';

/** Codes of Twilio's that blame the variables of a template. */
const VARIABLE_ERRORS = new Set<number | undefined>([21656, 92007]);
const MAX_NAMED = 5;
const MAX_NAME_LENGTH = 40;

/** Adds to a refusal for the variables of a template which of them it is about. */
export function explainVariables(
  outcome: Outcome,
  { ContentVariables }: TwilioParameters,
): Outcome {
  if (outcome.kind !== 'rejected' || !VARIABLE_ERRORS.has(outcome.errorCode)) return outcome;
  const named = Object.entries(objectOf(ContentVariables))
    .flatMap(([name, value]) => {
      const fault = faultOf(value);
      return fault ? [`Variable ${quoted(name)} ${fault}.`] : [];
    })
    .slice(0, MAX_NAMED);
  return { ...outcome, explanation: [outcome.explanation, ...named].join(' ') };
}

/** What keeps WhatsApp from taking a value; undefined when nothing does. */
function faultOf(value: unknown): string | undefined {
  if (value === null) return 'is empty';
  if (typeof value !== 'string') return 'is no text';
  if (value.trim() === '') return 'is empty';
  if (/[\n\v\f\r\u0085\u2028\u2029]/.test(value)) return 'holds a line break';
  if (value.includes('\t')) return 'holds a tab';
  return value.includes(' '.repeat(5)) ? 'holds more than four blanks in a row' : undefined;
}

/** JSON of the name, so that it cannot be taken for anything else. */
const quoted = (name: string): string =>
  JSON.stringify([...name].slice(0, MAX_NAME_LENGTH).join(''));

function objectOf(json: unknown): object {
  try {
    const value: unknown = JSON.parse(String(json));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}
