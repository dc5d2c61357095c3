import type { BackendConfig } from './backend.config.js';
import { sqliteFile } from './data-source.js';

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

/** Where the backend listens, and who reaches it there. */
export const listeningOn = ({ host, port }: BackendConfig): string =>
  `${host}:${port}${LOOPBACK.has(host) ? ' (this machine only, unless HOST says otherwise)' : ''}`;

/** What a person wants to know when the backend has started; no secret is in it. */
export function startLines(config: BackendConfig): string[] {
  const { publicUrl, databaseUrl, whatsapp } = config;
  const sender = whatsapp.provider
    ? `from ${whatsapp.provider.TWILIO_FROM_NUMBER}`
    : 'no sender yet: set the TWILIO_ variables, or POST /v3/provider-instances';
  return [
    'The backend is ready. Ctrl+C ends it.',
    `  Listens on  ${listeningOn(config)}`,
    `  API         ${withoutUser(publicUrl)}/v3`,
    `  Database    ${sqliteFile(databaseUrl) ?? withoutUser(databaseUrl)}`,
    `  Twilio      ${withoutUser(String(whatsapp.twilioApiUrl))}, ${sender}`,
  ];
}

/** A URL without what stands in it for a server to know who asks. */
function withoutUser(url: string): string {
  if (!URL.canParse(url)) return url;
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`;
}
