import { Type } from 'class-transformer';
import {
  IsBoolean,
  IsInt,
  IsNotEmptyObject,
  IsOptional,
  Matches,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { PartialProviderConfigDto, ProviderConfigDto } from './provider-config.dto.js';

const MAX_PER_SECOND = 10_000;

const IsInstanceName = (): PropertyDecorator =>
  Matches(/^[^\p{Cc}\p{Cs}]{1,100}$/u, {
    message: 'name must be a text of 1 to 100 characters without control characters',
  });

/** What a provider instance is beside its name and configuration. */
class ProviderInstanceSettingsDto {
  /** Whether notifications go out through it that name no other; the first instance is the default by itself. */
  @IsOptional()
  @IsBoolean()
  isDefault?: boolean;

  /** @default 80 */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_PER_SECOND)
  messagesPerSecond?: number;
}

/** Body of `POST provider-instances`. */
export class CreateProviderInstanceDto extends ProviderInstanceSettingsDto {
  /** What the instance is called in `override.twilio_whatsapp._instance`. */
  @IsInstanceName()
  name: string;

  @IsNotEmptyObject({}, { message: 'config must hold the three TWILIO_ keys' })
  @ValidateNested()
  @Type(() => ProviderConfigDto)
  config: ProviderConfigDto;
}

/** Body of `PATCH provider-instances/:id`: what is left out stays. */
export class UpdateProviderInstanceDto extends ProviderInstanceSettingsDto {
  @IsOptional()
  @IsInstanceName()
  name?: string;

  /** Merged into the configuration that is there. */
  @IsOptional()
  @ValidateNested()
  @Type(() => PartialProviderConfigDto)
  config?: PartialProviderConfigDto;
}
