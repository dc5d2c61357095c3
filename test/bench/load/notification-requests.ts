import { phoneNumber, TEXT, userName } from '../fixtures.js';
import type { ExchangeSettings } from './exchange.js';

/** Notifications to accept. */
export interface NotificationLoad extends ExchangeSettings {
  readonly path: string;
  readonly count: number;
  /** In each of them. */
  readonly recipients: number;
  /** Whether recipients come with their phone numbers, or as names of known users. */
  readonly isInline: boolean;
}

const DAY_MS = 86_400_000;

/** The requests as bytes. */
export function notificationRequests(
  { path, count, recipients, isInline }: NotificationLoad,
  api: { key: string; secret: string },
): Buffer[] {
  const recipient = (index: number) =>
    isInline ? { identifier: userName(index), phoneNumber: phoneNumber(index) } : userName(index);
  return Array.from({ length: count }, (_, no) => {
    const body = JSON.stringify({
      notification: { title: TEXT },
      sendTo: {
        recipients: Array.from({ length: recipients }, (__, index) => recipient(no + index)),
      },
      // What is measured is how it is accepted, not how it is sent at the same time.
      sendAt: new Date(Date.now() + DAY_MS).toISOString(),
    });
    return Buffer.from(
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n` +
        `X-ENGAGESPOT-API-KEY: ${api.key}\r\nX-ENGAGESPOT-API-SECRET: ${api.secret}\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  });
}
