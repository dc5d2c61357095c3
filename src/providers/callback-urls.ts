import { Inject, Injectable } from '@nestjs/common';
import { PROVIDER_IDENTIFIER, TWILIO_WHATSAPP_EXTRAS } from '../twilio-whatsapp.constants.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import type {
  TwilioWhatsappModuleExtras,
  TwilioWhatsappOptions,
} from '../twilio-whatsapp.options.js';
import { CredentialsCipher } from './credentials-cipher.js';

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
export class CallbackUrls {
  private readonly base: string;
  /** What tells Twilio how to connect, with its `#`; empty when nothing does. */
  private readonly fragment: string;

  constructor(
    @InjectWhatsappOptions() { publicUrl, callbackConnection }: TwilioWhatsappOptions,
    @Inject(TWILIO_WHATSAPP_EXTRAS) { pathPrefix }: TwilioWhatsappModuleExtras,
    private readonly cipher: CredentialsCipher,
  ) {
    const path = [pathPrefix, 'callbacks', PROVIDER_IDENTIFIER].filter(Boolean).join('/');
    this.fragment = callbackConnection ? `#${callbackConnection}` : '';
    this.base = `${publicUrl.replace(/\/+$/, '')}/${path}`;
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

  /** What a URL of an attempt says; undefined for one that we did not make. */
  read(url: string): CallbackPath | undefined {
    const [address] = url.split('#');
    if (!address.startsWith(`${this.base}/`)) return undefined;
    const parts = address.slice(this.base.length + 1).split('/');
    const [instanceId, messageId, attempt, mac] = parts;
    const path = { instanceId, messageId, attempt: Number(attempt) };
    return parts.length === 4 && this.isOurs(path, mac) ? path : undefined;
  }

  /** The forms in which Twilio may have signed a URL of ours: whether the fragment belongs to it is not documented. */
  spellings(url: string): string[] {
    const [bare] = url.split('#');
    return this.fragment ? [bare, bare + this.fragment] : [bare];
  }

  /** Whether we made the URL with these parts. Costs no database work. */
  isOurs(path: CallbackPath, mac: string): boolean {
    return this.cipher.verifyMac(textOf(path), mac);
  }
}

const textOf = ({ instanceId, messageId, attempt }: CallbackPath): string =>
  `${instanceId}/${messageId}/${attempt}`;
