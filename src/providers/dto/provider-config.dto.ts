import { applyDecorators } from '@nestjs/common';
import { IsOptional, Matches, ValidateIf } from 'class-validator';
import type { ConfigurationKey } from '../../twilio-whatsapp.constants.js';
import { MayBeAbsent } from '../../validation/may-be-absent.js';
import { CONFIGURATION_FORMS } from '../configuration.js';

/** Accepts what the configuration key must look like. The message never shows the value. */
export const MatchesForm = (key: ConfigurationKey): PropertyDecorator =>
  Matches(CONFIGURATION_FORMS[key].form, {
    message: `${key} must be ${CONFIGURATION_FORMS[key].hint}`,
  });

interface MaybeApiKey {
  readonly TWILIO_API_KEY_SID?: string | null;
  readonly TWILIO_API_KEY_SECRET?: string | null;
}

/** Half of an API key: needed as soon as the other half is there. */
export const MatchesFormOfPair = (key: keyof MaybeApiKey): PropertyDecorator =>
  applyDecorators(
    ValidateIf(
      ({ TWILIO_API_KEY_SID: sid, TWILIO_API_KEY_SECRET: secret }: MaybeApiKey) =>
        sid !== undefined || secret !== undefined,
    ),
    MatchesForm(key),
  );

/** The same of a change: `null` takes the key away, and with it the other half. */
const ChangesPair = (key: keyof MaybeApiKey): PropertyDecorator =>
  applyDecorators(
    ValidateIf(
      ({ TWILIO_API_KEY_SID: sid, TWILIO_API_KEY_SECRET: secret }: MaybeApiKey) =>
        (sid ?? secret ?? null) !== null,
    ),
    MatchesForm(key),
  );

/** A whole configuration of the provider. */
export class ProviderConfigDto {
  @MatchesForm('TWILIO_ACCOUNT_SID')
  TWILIO_ACCOUNT_SID: string;

  /** Signs callbacks; authenticates requests unless there is an API key. */
  @MatchesForm('TWILIO_AUTH_TOKEN')
  TWILIO_AUTH_TOKEN: string;

  @MatchesForm('TWILIO_FROM_NUMBER')
  TWILIO_FROM_NUMBER: string;

  /** Authenticates requests in place of the auth token, together with its secret. */
  @MatchesFormOfPair('TWILIO_API_KEY_SID')
  TWILIO_API_KEY_SID?: string;

  @MatchesFormOfPair('TWILIO_API_KEY_SECRET')
  TWILIO_API_KEY_SECRET?: string;

  /** May sign callbacks too, while tokens are rotated. */
  @MayBeAbsent()
  @MatchesForm('TWILIO_SECONDARY_AUTH_TOKEN')
  TWILIO_SECONDARY_AUTH_TOKEN?: string;

  /** Signs callbacks in place of the auth token where a Webhook Rule says so, with HMAC-SHA256. */
  @IsOptional()
  @MatchesForm('TWILIO_SHARED_KEY')
  TWILIO_SHARED_KEY?: string;
}

/** A part of a configuration: what is left out stays as it is, `null` takes an optional key away. */
export class PartialProviderConfigDto {
  @MayBeAbsent()
  @MatchesForm('TWILIO_ACCOUNT_SID')
  TWILIO_ACCOUNT_SID?: string;

  @MayBeAbsent()
  @MatchesForm('TWILIO_AUTH_TOKEN')
  TWILIO_AUTH_TOKEN?: string;

  @MayBeAbsent()
  @MatchesForm('TWILIO_FROM_NUMBER')
  TWILIO_FROM_NUMBER?: string;

  @ChangesPair('TWILIO_API_KEY_SID')
  TWILIO_API_KEY_SID?: string | null;

  @ChangesPair('TWILIO_API_KEY_SECRET')
  TWILIO_API_KEY_SECRET?: string | null;

  @IsOptional()
  @MatchesForm('TWILIO_SECONDARY_AUTH_TOKEN')
  TWILIO_SECONDARY_AUTH_TOKEN?: string | null;

  @IsOptional()
  @MatchesForm('TWILIO_SHARED_KEY')
  TWILIO_SHARED_KEY?: string | null;
}
