import { Inject } from '@nestjs/common';
import {
  TWILIO_WHATSAPP_DATA_SOURCE,
  TWILIO_WHATSAPP_OPTIONS,
  TWILIO_WHATSAPP_USER_DIRECTORY,
} from './twilio-whatsapp.constants.js';

/** Injects the module's options, validated and with their defaults. */
export const InjectWhatsappOptions = (): ParameterDecorator => Inject(TWILIO_WHATSAPP_OPTIONS);

/** Injects the data source that holds the module's tables. */
export const InjectWhatsappDataSource = (): ParameterDecorator =>
  Inject(TWILIO_WHATSAPP_DATA_SOURCE);

/** Injects the directory that turns identifiers into phone numbers: the host's, or the module's own users. */
export const InjectUserDirectory = (): ParameterDecorator => Inject(TWILIO_WHATSAPP_USER_DIRECTORY);
