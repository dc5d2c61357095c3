import { Type } from 'class-transformer';
import { IsBoolean, IsInt, IsObject, IsOptional, Max, Min, ValidateNested } from 'class-validator';
import { MayBeAbsent } from '../../validation/may-be-absent.js';
import { IsPlainText } from '../../validation/plain-text.js';
import { PartialProviderConfigDto, ProviderConfigDto } from './provider-config.dto.js';

const MAX_PER_SECOND = 100_000;
const MAX_NAME_LENGTH = 100;

/** What a provider instance is beside its name and configuration. */
class ProviderInstanceSettingsDto {
  /** Whether notifications go out through it that name no other; the first instance is the default by itself. */
  @MayBeAbsent()
  @IsBoolean()
  isDefault?: boolean;

  /** Without it, or with `null`, the one of the options. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_PER_SECOND)
  messagesPerSecond?: number | null;
}

/** Body of `POST provider-instances`. */
export class CreateProviderInstanceDto extends ProviderInstanceSettingsDto {
  /** What the instance is called in `override.twilio_whatsapp._instance`. */
  @IsPlainText(MAX_NAME_LENGTH)
  name: string;

  @IsObject({ message: 'config must be an object that holds the three TWILIO_ keys' })
  @ValidateNested()
  @Type(() => ProviderConfigDto)
  config: ProviderConfigDto;
}

/** Body of `PATCH provider-instances/:id`: what is left out stays, `messagesPerSecond: null` goes back to the options' rate. */
export class UpdateProviderInstanceDto extends ProviderInstanceSettingsDto {
  @MayBeAbsent()
  @IsPlainText(MAX_NAME_LENGTH)
  name?: string;

  /** Merged into the configuration that is there. */
  @MayBeAbsent()
  @IsObject({ message: 'config must be an object that holds some of the TWILIO_ keys' })
  @ValidateNested()
  @Type(() => PartialProviderConfigDto)
  config?: PartialProviderConfigDto;
}
