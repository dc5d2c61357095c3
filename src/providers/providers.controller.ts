import { Controller, Get, UseGuards, VERSION_NEUTRAL } from '@nestjs/common';
import { ApiGuard } from '../http/api.guard.js';
import {
  CHANNEL,
  CONFIGURATION_KEYS,
  PROVIDER_IDENTIFIER,
  REQUIRED_KEYS,
} from '../twilio-whatsapp.constants.js';

const CATALOGUE = {
  items: [
    {
      identifier: PROVIDER_IDENTIFIER,
      name: 'Twilio WhatsApp',
      description:
        'WhatsApp messages through Twilio, tracked to sent, delivered, seen or discarded.',
      channel: CHANNEL,
      configOptions: CONFIGURATION_KEYS.map((config, index) => ({
        id: index + 1,
        config,
        required: (REQUIRED_KEYS as readonly string[]).includes(config),
      })),
    },
  ],
};

@Controller({ path: 'providers', version: VERSION_NEUTRAL })
@UseGuards(ApiGuard)
export class ProvidersController {
  @Get()
  list(): typeof CATALOGUE {
    return CATALOGUE;
  }
}
