import { CONFIGURATION_FORMS } from '../providers/configuration.js';
import { OVERRIDABLE_KEYS, PROVIDER_IDENTIFIER } from '../twilio-whatsapp.constants.js';
import { instantOf, inWholeSeconds } from '../validation/instant.js';
import { bytesOf, MAX_TEXT_BYTES } from '../validation/json.js';
import { unknownField } from '../validation/suggestion.js';
import { isPlainText } from '../validation/plain-text.js';
import type { OverrideScope } from '../twilio-whatsapp.options.js';
import type { TwilioParameters } from '../twilio/twilio.gateway.js';

/** A configuration key that a request may bring along. */
type OverridableKey = (typeof OVERRIDABLE_KEYS)[number];

/** A request's override, taken apart. */
export interface Override {
  /** The provider instance to use, by id or name. */
  readonly instance?: string;
  /** Configuration keys that take the place of the instance's. */
  readonly config: Readonly<Partial<Record<OverridableKey, string>>>;
  /** Body parameters of Twilio's, in its own spelling; `null` removes one that would be there by default. */
  readonly parameters: Readonly<Record<string, string | readonly string[] | null>>;
}

const PATH = `override.${PROVIDER_IDENTIFIER}`;
/** Keys that are no parameters of Twilio's. */
const OWN_KEYS = ['_config', '_instance', ...OVERRIDABLE_KEYS];
const PARAMETER = /^[A-Z][A-Za-z0-9]{0,63}$/;
const HOSTILE = new Set(['__proto__', 'constructor', 'prototype']);
const SENDER_PARAMETERS = new Set(['From', 'MessagingServiceSid']);
const MAX_LIST = 100;
const MAX_KEYS = 200;
const ADDRESS_PARAMETERS = new Set(['From', 'To']);
const MAX_ADDRESS_LENGTH = 150;
// The notification's own text and sender join them.
const MAX_PARAMETER_BYTES = MAX_TEXT_BYTES - 20_000;

/**
 * Takes `override.twilio_whatsapp` apart. Only own keys count, and they are copied into objects without prototype.
 *
 * @param allowed what callers may override; anything else is a problem
 * @returns the override, and a message for each thing that is wrong with it
 */
export function parseOverride(
  input: unknown,
  allowed: readonly OverrideScope[],
): { override: Override; problems: string[] } {
  const config: Partial<Record<OverridableKey, string>> = Object.create(null);
  const parameters: Record<string, string | readonly string[] | null> = Object.create(null);
  const problems: string[] = [];
  let instance: string | undefined;

  const forbid = (scope: OverrideScope, path: string) => {
    if (!allowed.includes(scope)) problems.push(`${path} may not be overridden here (${scope})`);
  };

  for (const [key, value] of entriesOf(input, PATH, problems)) {
    const path = `${PATH}.${key}`;
    if (key === '_config') continue;
    if (key === '_instance') {
      forbid('sender', path);
      if (typeof value === 'string' && value !== '') instance = value;
      else problems.push(`${path} must be the id or the name of a provider instance`);
    } else if (isConfigurationKey(key)) {
      setConfiguration(config, key, value, path, problems, forbid);
    } else if (key.startsWith('_') || key.startsWith('TWILIO_') || HOSTILE.has(key)) {
      problems.push(unknownField(`${PATH}.`, key, OWN_KEYS));
    } else {
      const name = key.charAt(0).toUpperCase() + key.slice(1);
      // Twilio's own spelling beats twilio-node's when both are there.
      if (name !== key && Object.hasOwn(input as object, name)) continue;
      forbid(SENDER_PARAMETERS.has(name) ? 'sender' : 'content', path);
      if (!PARAMETER.test(name))
        problems.push(`${path} is not the name of a parameter of Twilio's`);
      else if (ADDRESS_PARAMETERS.has(name) && !isAddress(value)) {
        problems.push(`${path} must be an address of at most ${MAX_ADDRESS_LENGTH} characters`);
      } else if (name === 'ContentVariables' && !isVariables(value)) {
        problems.push(`${path} must be an object of names and values, such as {"1": "Anand"}`);
      } else parameters[name] = toParameter(inTwiliosForm(name, value), path, problems);
    }
  }

  const nested = Object.hasOwn(Object(input), '_config')
    ? (input as { _config: unknown })._config
    : undefined;
  for (const [key, value] of entriesOf(nested, `${PATH}._config`, problems)) {
    const path = `${PATH}._config.${key}`;
    if (isConfigurationKey(key)) setConfiguration(config, key, value, path, problems, forbid);
    else problems.push(unknownField(`${PATH}._config.`, key, OVERRIDABLE_KEYS));
  }
  if ((config.TWILIO_API_KEY_SID === undefined) !== (config.TWILIO_API_KEY_SECRET === undefined)) {
    problems.push(`${PATH}: TWILIO_API_KEY_SID and TWILIO_API_KEY_SECRET go together`);
  }
  if (bytesOf(JSON.stringify(parameters)) > MAX_PARAMETER_BYTES) {
    problems.push(`${PATH} must not be longer than ${MAX_PARAMETER_BYTES} bytes of JSON`);
  }
  return { override: { instance, config, parameters }, problems };
}

const isAddress = (value: unknown): boolean =>
  value === null || isPlainText(value, MAX_ADDRESS_LENGTH);

/** Whether Twilio could take it for the variables of a template: an object, or the JSON of one. */
function isVariables(value: unknown): boolean {
  if (typeof value !== 'string') return typeof value === 'object' && !Array.isArray(value);
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  } catch {
    return false;
  }
}

/** Twilio takes no fractions of a second, which JavaScript writes in every date. */
function inTwiliosForm(name: string, value: unknown): unknown {
  const instant = name === 'SendAt' ? instantOf(value) : undefined;
  return instant === undefined ? value : inWholeSeconds(instant);
}

const isConfigurationKey = (key: string): key is OverridableKey =>
  (OVERRIDABLE_KEYS as readonly string[]).includes(key);

function entriesOf(input: unknown, path: string, problems: string[]): [string, unknown][] {
  if (input === undefined || input === null) return [];
  const entries = typeof input === 'object' && !Array.isArray(input) ? Object.entries(input) : null;
  if (entries && entries.length <= MAX_KEYS) return entries;
  problems.push(`${path} must be an object${entries ? ` of at most ${MAX_KEYS} keys` : ''}`);
  return [];
}

function setConfiguration(
  config: Partial<Record<OverridableKey, string>>,
  key: OverridableKey,
  value: unknown,
  path: string,
  problems: string[],
  forbid: (scope: OverrideScope, path: string) => void,
): void {
  forbid(key === 'TWILIO_FROM_NUMBER' ? 'sender' : 'credentials', path);
  const { form, hint } = CONFIGURATION_FORMS[key];
  if (typeof value === 'string' && form.test(value)) config[key] = value;
  else problems.push(`${path} must be ${hint}`);
}

/** Twilio's body is a form: texts, repeated for lists; whatever has structure travels as JSON. */
function toParameter(
  value: unknown,
  path: string,
  problems: string[],
): TwilioParameters[string] | null {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  if (Array.isArray(value)) {
    if (value.length <= MAX_LIST && value.every((item) => typeof item === 'string')) {
      // A copy: what was accepted is what is sent, whatever the caller does with the list.
      return [...value];
    }
    problems.push(`${path} must be a list of at most ${MAX_LIST} texts`);
  } else if (typeof value === 'object') {
    return JSON.stringify(value);
  } else {
    problems.push(`${path} must be a text, a number, true, false, a list of texts or an object`);
  }
  return null;
}
