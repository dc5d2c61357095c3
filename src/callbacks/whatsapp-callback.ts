import type { ExecutionContext } from '@nestjs/common';

/**
 * Metadata of the routes that Twilio calls, on their handlers and on their controller: `true`, for a host's
 * `Reflector`. They are authenticated by Twilio's signature, and by no guard.
 */
export const WHATSAPP_CALLBACK = 'twilio-whatsapp:callback';

/** Whether a request is for a route that Twilio calls, which a global guard of the host has to let through. */
export const isWhatsappCallback = (context: ExecutionContext): boolean =>
  Reflect.getMetadata(WHATSAPP_CALLBACK, context.getClass()) === true;
