import { PayloadTooLargeException } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';

/** Bytes of a body of the API: ten thousand recipients with attributes fit in. */
export const MAX_BODY_BYTES = 8 * 1024 * 1024;

/** Bytes of a body of the API while only guards, which run after it was read, know who sends it. */
export const MAX_UNCHECKED_BODY_BYTES = 1024 * 1024;

const MAX_CALLBACK_FORM_BYTES = 32 * 1024;
const MAX_CALLBACK_JSON_BYTES = 256 * 1024;
const JSON_TYPE = /^\s*application\/json\s*(;|$)/i;
const FORM_TYPE = /^\s*application\/x-www-form-urlencoded\s*(;|$)/i;

/** Whether a `Content-Type` says that a body is a form. */
export const isFormType = (type: string | undefined): boolean => FORM_TYPE.test(type ?? '');

/** Whether a `Content-Type` says that a body is JSON. */
export const isJsonType = (type: string | undefined): boolean => JSON_TYPE.test(type ?? '');

/** Bytes that a callback of this `Content-Type` may have: 256 KiB of JSON, 32 KiB of anything else. */
export const callbackLimit = (type: string | undefined): number =>
  isJsonType(type) ? MAX_CALLBACK_JSON_BYTES : MAX_CALLBACK_FORM_BYTES;

/** The error for a body that has more than so many bytes. */
export const tooLarge = (limit: number): PayloadTooLargeException =>
  new PayloadTooLargeException(`The body must not be longer than ${limit} bytes.`);

type Head = Pick<IncomingMessage, 'headers' | 'httpVersionMajor'>;

/** Whether a request may have a body of which only its end says how long it is. */
export const isLengthUnknown = ({ headers, httpVersionMajor }: Head): boolean =>
  headers['content-length'] === undefined &&
  // In HTTP/2 nothing announces a body.
  (headers['transfer-encoding'] !== undefined || httpVersionMajor > 1);

/** Whether a request may have a body that is not empty. */
export const mayHaveBody = (head: Head): boolean =>
  Number(head.headers['content-length'] ?? 0) > 0 || isLengthUnknown(head);
