import { Type } from 'class-transformer';
import {
  IsBoolean,
  IsInt,
  IsNotEmptyObject,
  IsOptional,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { IsPlainText } from '../../validation/plain-text.js';
import { PartialProviderConfigDto, ProviderConfigDto } from './provider-config.dto.js';

const MAX_PER_SECOND = 100_000;
const MAX_NAME_LENGTH = 100;

/** What a provider instance is beside its name and configuration. */
class ProviderInstanceSettingsDto {
  /** Whether notifications go out through it that name no other; the first instance is the default by itself. */
  @IsOptional()
  @IsBoolean()
  isDefault?: boolean;

  /** Without it, the one of the options. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_PER_SECOND)
  messagesPerSecond?: number;
}

/** Body of `POST provider-instances`. */
export class CreateProviderInstanceDto extends ProviderInstanceSettingsDto {
  /** What the instance is called in `override.twilio_whatsapp._instance`. */
  @IsPlainText(MAX_NAME_LENGTH)
  name: string;

  @IsNotEmptyObject({}, { message: 'config must hold the three TWILIO_ keys' })
  @ValidateNested()
  @Type(() => ProviderConfigDto)
  config: ProviderConfigDto;
}

/** Body of `PATCH provider-instances/:id`: what is left out stays. */
export class UpdateProviderInstanceDto extends ProviderInstanceSettingsDto {
  @IsOptional()
  @IsPlainText(MAX_NAME_LENGTH)
  name?: string;

  /** Merged into the configuration that is there. */
  @IsOptional()
  @ValidateNested()
  @Type(() => PartialProviderConfigDto)
  config?: PartialProviderConfigDto;
}
