import { createHash } from 'node:crypto';

export const ACCOUNT_SID = `AC${'e'.repeat(32)}`;
export const AUTH_TOKEN = 'not-a-real-auth-token-0003';
export const SENDER = '+14155238886';
export const API = { key: 'bench-key', secret: 'bench-secret' };
export const ENCRYPTION_KEY = Buffer.alloc(32, 5).toString('base64');
/** Where Twilio believes everybody to be; what a request's own headers say decides nothing. */
export const PUBLIC_URL = 'https://notify.example.com';
export const TEXT = 'Your parcel arrives on Tuesday between nine and eleven.';

/** Users that are known before a run. */
export const USERS = 10_000;
export const userName = (index: number): string => `user-${index % USERS}`;
/** Numbers that are reserved for fiction: 555-0100 to 555-0199 of every area code. */
export const phoneNumber = (index: number): string =>
  `+1${200 + (Math.floor(index / 100) % 700)}55501${String(index % 100).padStart(2, '0')}`;

const FIRST_MESSAGE_AT = Date.UTC(2025, 0, 1);
const MESSAGE_EVERY_MS = 10;

export const createdAt = (index: number): number => FIRST_MESSAGE_AT + index * MESSAGE_EVERY_MS;

/** The id of a message of the table that is there before a run: a UUIDv7 of its time. */
export function messageId(index: number): string {
  const time = createdAt(index).toString(16).padStart(12, '0');
  const tail = digest(`message ${index}`);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${tail.slice(0, 3)}-8${tail.slice(3, 6)}-${tail.slice(6, 18)}`;
}

/** Its SID: as random as Twilio's. */
export const messageSid = (index: number): string => `SM${digest(`sid ${index}`)}`;

const digest = (text: string): string => createHash('md5').update(text).digest('hex');
