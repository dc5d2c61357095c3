import { PROVIDER_IDENTIFIER, type ConfigurationKey } from '../twilio-whatsapp.constants.js';
import type { ProviderInstanceEntity } from './provider-instance.entity.js';

/** A provider instance as the API shows it. */
export interface ProviderInstanceView {
  id: string;
  provider: typeof PROVIDER_IDENTIFIER;
  name: string;
  enabled: boolean;
  isDefault: boolean;
  messagesPerSecond: number;
  /** The auth token is masked but for its last four characters. */
  config: Record<ConfigurationKey, string>;
  /** To be pasted into Twilio. */
  callbackUrl: string;
}

interface Shown {
  readonly authToken: string;
  readonly callbackUrl: string;
  readonly messagesPerSecond: number;
}

export const providerInstanceView = (
  row: ProviderInstanceEntity,
  { authToken, callbackUrl, messagesPerSecond }: Shown,
): ProviderInstanceView => ({
  id: row.id,
  provider: PROVIDER_IDENTIFIER,
  name: row.name,
  enabled: row.enabled,
  isDefault: row.isDefault,
  messagesPerSecond,
  config: {
    TWILIO_ACCOUNT_SID: row.accountSid,
    TWILIO_AUTH_TOKEN: `••••${authToken.slice(-4)}`,
    TWILIO_FROM_NUMBER: row.fromNumber,
  },
  callbackUrl,
});
