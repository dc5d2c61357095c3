import { IsOptional, Matches } from 'class-validator';
import type { ConfigurationKey } from '../../twilio-whatsapp.constants.js';
import { CONFIGURATION_FORMS } from '../configuration.js';

const MatchesForm = (key: ConfigurationKey): PropertyDecorator =>
  Matches(CONFIGURATION_FORMS[key].form, {
    message: `${key} must be ${CONFIGURATION_FORMS[key].hint}`,
  });

/** A whole configuration of the provider. */
export class ProviderConfigDto {
  @MatchesForm('TWILIO_ACCOUNT_SID')
  TWILIO_ACCOUNT_SID: string;

  @MatchesForm('TWILIO_AUTH_TOKEN')
  TWILIO_AUTH_TOKEN: string;

  @MatchesForm('TWILIO_FROM_NUMBER')
  TWILIO_FROM_NUMBER: string;
}

/** A part of a configuration: what is left out stays as it is. */
export class PartialProviderConfigDto {
  @IsOptional()
  @MatchesForm('TWILIO_ACCOUNT_SID')
  TWILIO_ACCOUNT_SID?: string;

  @IsOptional()
  @MatchesForm('TWILIO_AUTH_TOKEN')
  TWILIO_AUTH_TOKEN?: string;

  @IsOptional()
  @MatchesForm('TWILIO_FROM_NUMBER')
  TWILIO_FROM_NUMBER?: string;
}
