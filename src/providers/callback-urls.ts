import { Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { PROVIDER_IDENTIFIER, TWILIO_WHATSAPP_EXTRAS } from '../twilio-whatsapp.constants.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type {
  TwilioWhatsappModuleExtras,
  TwilioWhatsappOptions,
} from '../twilio-whatsapp.options.js';
import { CredentialsCipher } from './credentials-cipher.js';
import { canTwilioCall, publicUrlWarning, withoutPassword, withoutUserInfo } from './public-url.js';

/** What the URL of a message's callback tells: whose it is, and which attempt brought it about. */
export interface CallbackPath {
  readonly instanceId: string;
  readonly messageId: string;
  readonly attempt: number;
}

/**
 * The URLs that Twilio calls back. They have no query string, whose order and encoding is the main cause of
 * signatures that do not match, and they rest on configuration alone, never on a request's headers.
 */
@Injectable()
export class CallbackUrls implements OnApplicationBootstrap {
  private readonly base: string;
  private readonly canBeCalled: boolean;
  private readonly warning: string | undefined;
  /** What tells Twilio how to connect, with its `#`; empty when nothing does. */
  private readonly fragment: string;

  constructor(
    @InjectWhatsappOptions() options: TwilioWhatsappOptions,
    @Inject(TWILIO_WHATSAPP_EXTRAS) { pathPrefix }: TwilioWhatsappModuleExtras,
    private readonly cipher: CredentialsCipher,
  ) {
    const { publicUrl, callbackConnection } = options;
    const path = [pathPrefix, 'callbacks', PROVIDER_IDENTIFIER].filter(Boolean).join('/');
    this.fragment = callbackConnection ? `#${callbackConnection}` : '';
    this.base = `${publicUrl.replace(/\/+$/, '')}/${path}`;
    this.canBeCalled = canTwilioCall(options);
    this.warning = publicUrlWarning(options);
  }

  onApplicationBootstrap(): void {
    if (this.warning) new Logger(CallbackUrls.name).warn(this.warning);
  }

  /** The URL of a provider instance as it may be shown. */
  shownOfInstance(instanceId: string): string {
    return withoutPassword(this.ofInstance(instanceId));
  }

  /** The URL to paste into Twilio for all that a provider instance's account reports. */
  ofInstance(instanceId: string): string {
    return `${this.base}/${instanceId}`;
  }

  /**
   * The `StatusCallback` of one attempt; its last part proves that we made it.
   *
   * @param mac that of a URL that is there already: it may have been made with an older key
   */
  ofAttempt(path: CallbackPath, mac = this.cipher.mac(textOf(path))): string {
    const { instanceId, messageId, attempt } = path;
    return `${this.base}/${instanceId}/${messageId}/${attempt}/${mac}${this.fragment}`;
  }

  /** The `StatusCallback` to send with an attempt: none where Twilio would refuse the message for it. */
  statusCallback(path: CallbackPath): string | undefined {
    return this.canBeCalled ? this.ofAttempt(path) : undefined;
  }

  /** The same as it may be shown. */
  shownStatusCallback(path: CallbackPath): string | undefined {
    const url = this.statusCallback(path);
    return url === undefined ? undefined : withoutPassword(url);
  }

  /** What a URL of an attempt says; undefined for one that we did not make. */
  read(url: string): CallbackPath | undefined {
    const [address] = withoutUserInfo(url).split('#');
    const base = withoutUserInfo(this.base);
    if (!address.startsWith(`${base}/`)) return undefined;
    const parts = address.slice(base.length + 1).split('/');
    const [instanceId, messageId, attempt, mac] = parts;
    const path = { instanceId, messageId, attempt: Number(attempt) };
    return parts.length === 4 && this.isOurs(path, mac) ? path : undefined;
  }

  /**
   * The forms in which Twilio may have signed a callback URL. It leaves out user name and password; whether it signs
   * the fragment is not documented.
   */
  spellings(url: string): string[] {
    const [bare] = withoutUserInfo(url).split('#');
    return this.fragment ? [bare, bare + this.fragment] : [bare];
  }

  /** Whether we made the URL with these parts. Costs no database work. */
  isOurs(path: CallbackPath, mac: string): boolean {
    return this.cipher.verifyMac(textOf(path), mac);
  }
}

const textOf = ({ instanceId, messageId, attempt }: CallbackPath): string =>
  `${instanceId}/${messageId}/${attempt}`;
