import { CreateTwilioWhatsapp1764000000000 } from './1764000000000-create-twilio-whatsapp.js';

/** Oldest first; add them to the `migrations` of the host's data source. */
export const TWILIO_WHATSAPP_MIGRATIONS = [CreateTwilioWhatsapp1764000000000];
