import type { BackendConfig } from './backend.config.js';
import { sqliteFile } from './data-source.js';

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

/** What a person wants to know when the backend has started; no secret is in it. */
export function startLines(config: BackendConfig): string[] {
  const { host, port, publicUrl, databaseUrl, whatsapp } = config;
  const reach = LOOPBACK.has(host) ? ' (this machine only, unless HOST says otherwise)' : '';
  const sender = whatsapp.provider
    ? `from ${whatsapp.provider.TWILIO_FROM_NUMBER}`
    : 'no sender yet: set the TWILIO_ variables, or POST /v3/provider-instances';
  return [
    'The backend is ready. Ctrl+C ends it.',
    `  Listens on  ${host}:${port}${reach}`,
    `  API         ${withoutUser(publicUrl)}/v3`,
    `  Database    ${sqliteFile(databaseUrl) ?? withoutUser(databaseUrl)}`,
    `  Twilio      ${whatsapp.twilioApiUrl}, ${sender}`,
  ];
}

/** A URL without what stands in it for a server to know who asks. */
function withoutUser(url: string): string {
  if (!URL.canParse(url)) return url;
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`;
}
