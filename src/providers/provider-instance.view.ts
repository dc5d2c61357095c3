import { PROVIDER_IDENTIFIER, type ConfigurationKey } from '../twilio-whatsapp.constants.js';
import type { ProviderConfiguration } from './configuration.js';
import type { ProviderInstanceEntity } from './provider-instance.entity.js';

const SECRET = /_(TOKEN|SECRET|SHARED_KEY)$/;

/** A provider instance as the API shows it. */
export interface ProviderInstanceView {
  id: string;
  provider: typeof PROVIDER_IDENTIFIER;
  name: string;
  enabled: boolean;
  isDefault: boolean;
  messagesPerSecond: number;
  /** Secrets are masked but for their last four characters. */
  config: Partial<Record<ConfigurationKey, string>>;
  /** To be pasted into Twilio. */
  callbackUrl: string;
}

interface Shown {
  readonly configuration: ProviderConfiguration;
  readonly callbackUrl: string;
  readonly messagesPerSecond: number;
}

export const providerInstanceView = (
  row: ProviderInstanceEntity,
  { configuration, callbackUrl, messagesPerSecond }: Shown,
): ProviderInstanceView => ({
  id: row.id,
  provider: PROVIDER_IDENTIFIER,
  name: row.name,
  enabled: row.enabled,
  isDefault: row.isDefault,
  messagesPerSecond,
  config: Object.fromEntries(
    Object.entries(configuration).map(([key, value]) => [
      key,
      SECRET.test(key) ? `••••${value.slice(-4)}` : value,
    ]),
  ),
  callbackUrl,
});
