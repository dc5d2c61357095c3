import { validateSync } from 'class-validator';
import { ProviderConfigDto } from './providers/dto/provider-config.dto.js';
import { publicUrlProblem } from './providers/public-url.js';
import { RetentionOptions, retentionProblems } from './retention/retention.options.js';
import { TwilioWhatsappOptionsError } from './twilio-whatsapp.errors.js';
import {
  DeliveryOptions,
  SpoolOptions,
  TwilioWhatsappOptions,
  type ApiGuardOptions,
  type ApiKeyOptions,
  type TwilioWhatsappModuleExtras,
  type TwilioWhatsappModuleOptions,
} from './twilio-whatsapp.options.js';
import { DEFAULT_EXTRAS } from './twilio-whatsapp.module-definition.js';
import { fieldsOf, unknownFields } from './validation/suggestion.js';
import { messagesOf } from './validation/validate.js';

/**
 * Adds the defaults and checks the whole.
 *
 * @throws TwilioWhatsappOptionsError that names every option that is wrong
 */
export function resolveOptions(
  given: TwilioWhatsappModuleOptions,
  extras: TwilioWhatsappModuleExtras,
): TwilioWhatsappOptions {
  const options = withDefaults(TwilioWhatsappOptions, {
    ...given,
    delivery: withDefaults(DeliveryOptions, given?.delivery),
    spool: given?.spool && withDefaults(SpoolOptions, given.spool),
    retention: withDefaults(RetentionOptions, given?.retention),
    provider: given?.provider && withDefaults(ProviderConfigDto, given.provider),
  });
  const problems = [
    ...unknownOptions(given, extras),
    ...messagesOf(validateSync(options)),
    ...retentionProblems(options.retention),
  ];
  const publicUrl = publicUrlProblem('publicUrl', options);
  if (publicUrl) problems.push(publicUrl);
  if (extras.controllers && !canAuthenticate(options.api)) {
    problems.push(
      'api must be { key, secret } or { guards: [...] }: the REST API is mounted, and nobody would be asked who they are. Pass controllers: false to do without it.',
    );
  }
  const { checkHeaders } = Object(options.api) as Partial<ApiGuardOptions>;
  if (checkHeaders !== undefined && typeof checkHeaders !== 'function') {
    problems.push('api.checkHeaders must be a function of the headers that returns true or false');
  }
  if (problems.length > 0) throw new TwilioWhatsappOptionsError(problems);
  return options;
}

/** What forRootAsync() takes beside the settings. */
const ASYNC_KEYS = [
  'useFactory',
  'useClass',
  'useExisting',
  'inject',
  'imports',
  'provideInjectionTokensFrom',
];
const API_KEYS: readonly (keyof ApiKeyOptions | keyof ApiGuardOptions)[] = [
  'key',
  'secret',
  'guards',
  'checkHeaders',
];

/** What nobody knows: of the options, wherever they come from, and of the settings beside them. */
function unknownOptions(
  given: TwilioWhatsappModuleOptions,
  extras: TwilioWhatsappModuleExtras,
): string[] {
  const known = [...fieldsOf(TwilioWhatsappOptions), ...Object.keys(DEFAULT_EXTRAS), ...ASYNC_KEYS];
  // Nest takes them out of what forRoot() is given.
  const misplaced = Object.entries(given ?? {})
    .filter(([name, value]) => value !== undefined && Object.hasOwn(DEFAULT_EXTRAS, name))
    .map(([name]) => name);
  return [
    ...misplaced.map(
      (name) =>
        `${name} must stand beside useFactory, not in what it returns: it is needed before that is called`,
    ),
    ...unknownFields('', { ...extras, ...given }, known),
    ...unknownFields('delivery.', given?.delivery, fieldsOf(DeliveryOptions)),
    ...unknownFields('spool.', given?.spool, fieldsOf(SpoolOptions)),
    ...unknownFields('retention.', given?.retention, fieldsOf(RetentionOptions)),
    ...unknownFields('provider.', given?.provider, fieldsOf(ProviderConfigDto)),
    ...unknownFields('api.', given?.api, API_KEYS),
  ];
}

/** Copies what is given over the defaults; class instances among the values stay what they are. */
function withDefaults<T extends object>(options: new () => T, given: Partial<T> = {}): T {
  const defined = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.assign(new options(), Object.fromEntries(defined));
}

function canAuthenticate(api: TwilioWhatsappOptions['api']): boolean {
  if (!api) return false;
  return 'guards' in api ? api.guards?.length > 0 : Boolean(api.key && api.secret);
}
