import { Type } from 'class-transformer';
import {
  Allow,
  IsObject,
  IsOptional,
  IsString,
  Length,
  MaxLength,
  ValidateBy,
  ValidateNested,
} from 'class-validator';
import { IsInstant } from '../../validation/instant.js';

/** A user to notify: the identifier, and attributes that create the user or are merged into the profile. */
export interface InlineRecipient {
  identifier: string;
  /** E.164 without spaces, such as `+919988776655`. */
  phoneNumber?: string;
  [attribute: string]: unknown;
}

/** Refuses what Engagespot has and this module does not, with the way to do without. */
const IsUnsupported = (instead: string): PropertyDecorator =>
  ValidateBy({
    name: 'isUnsupported',
    validator: {
      validate: (value) => value === undefined,
      defaultMessage: () => `$property is not supported: ${instead}`,
    },
  });

/** Characters that a text may have. */
export const MAX_TEXT = 4096;

const NO_TEMPLATES =
  'pass the text, or a template of Twilio as override.twilio_whatsapp.ContentSid';

/** What a notification says. */
export class NotificationContentDto {
  @IsString()
  @Length(1, MAX_TEXT)
  title: string;

  /** The text of the message; without it, the title is. */
  @IsOptional()
  @IsString()
  @MaxLength(MAX_TEXT)
  message?: string;

  @IsOptional()
  @IsString()
  @MaxLength(MAX_TEXT)
  url?: string;

  @IsOptional()
  @IsString()
  @MaxLength(MAX_TEXT)
  icon?: string;

  @IsOptional()
  @IsString()
  @MaxLength(255)
  category?: string;

  @IsOptional()
  @IsObject()
  data?: Record<string, unknown>;

  @IsUnsupported(NO_TEMPLATES)
  templateId?: never;

  @IsUnsupported(NO_TEMPLATES)
  templateIdentifier?: never;

  @IsUnsupported(NO_TEMPLATES)
  content?: never;

  @IsUnsupported('there are no workflows here; pass title and message')
  workflow?: never;
}

/** Whom a notification is for. */
export class SendToDto {
  /** Identifiers of users, or users with attributes; 10,000 at most. */
  @Allow()
  recipients?: (string | InlineRecipient)[];

  @IsUnsupported('there are no topics here; name the recipients')
  topics?: never;
}

/** `override` of a notification. Entries of other providers are left alone. */
export interface NotificationOverride {
  /** Restricts delivery to these channels: without `whatsapp` nothing is sent. */
  channels?: string[];
  /** Configuration keys, `_config`, `_instance`, and any body parameter of Twilio's. */
  twilio_whatsapp?: Record<string, unknown>;
  [other: string]: unknown;
}

/** Body of `POST notifications`, and what the sender takes. */
export class SendNotificationDto {
  @IsObject({ message: 'notification must be an object with a title' })
  @ValidateNested()
  @Type(() => NotificationContentDto)
  notification: NotificationContentDto;

  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => SendToDto)
  sendTo?: SendToDto;

  /** The older place for recipients; united with `sendTo.recipients`. */
  @Allow()
  recipients?: string[];

  @IsOptional()
  @IsString()
  @MaxLength(255)
  category?: string;

  /** Passed along to delivery events and shown with the messages. */
  @IsOptional()
  @IsObject()
  data?: Record<string, unknown>;

  /** When to send it, before the year 10000, ISO 8601 with its offset; without it, or when it is past, now. */
  @IsOptional()
  @IsInstant()
  sendAt?: string | Date;

  @IsOptional()
  @IsObject()
  override?: NotificationOverride;
}
