import { explainError } from './error-catalogue.js';
import { jsonOf, TransportError, type TwilioResponse } from './twilio-response.js';

/** What one POST of a message came to. */
export type Outcome =
  /** Twilio has the message. */
  | { kind: 'accepted'; sid: string; providerStatus: string; httpStatus: number }
  /** Twilio certainly does not have it; another attempt may succeed. */
  | {
      kind: 'notSent';
      reason: string;
      explanation: string;
      detail: string;
      errorCode?: number;
      httpStatus?: number;
      retryAfterMs?: number;
    }
  /** Twilio refused it for good. */
  | {
      kind: 'rejected';
      reason: string;
      explanation: string;
      errorCode?: number;
      httpStatus: number;
    }
  /** Twilio may have it. */
  | { kind: 'ambiguous'; detail: string; httpStatus?: number };

/** SIDs of messages: `SM` for text and templates, `MM` for media. */
export const MESSAGE_SID = /^(SM|MM)[0-9a-f]{32}$/i;

/** What a status of Twilio's looks like, also one that this version does not know. */
export const STATUS = /^[a-z_]{1,32}$/;

/** Reads an error code of Twilio's: a whole number, possibly written as text. */
export function toErrorCode(value: unknown): number | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;
}

/** Sorts an answer of Twilio's. Whatever does not prove that nothing was sent is ambiguous. */
export function outcomeOf(response: TwilioResponse): Outcome {
  const { statusCode: httpStatus, headers } = response;
  const answer = jsonOf(response);
  if (httpStatus >= 200 && httpStatus < 300) {
    if (typeof answer.sid === 'string' && MESSAGE_SID.test(answer.sid)) {
      const { status } = answer;
      const providerStatus =
        typeof status === 'string' && STATUS.test(status) ? status : 'accepted';
      return { kind: 'accepted', sid: answer.sid, providerStatus, httpStatus };
    }
    return { kind: 'ambiguous', detail: 'the answer to the POST holds no message SID', httpStatus };
  }
  const errorCode = toErrorCode(answer.code);
  const provesRefusal =
    httpStatus === 429 || (isRefusal(httpStatus) && typeof answer.code === 'number');
  if (!provesRefusal) {
    return { kind: 'ambiguous', detail: `Twilio answered HTTP ${httpStatus}`, httpStatus };
  }
  const { reason, explanation, retryable } = explainError(
    errorCode ?? (httpStatus === 429 ? TOO_MANY_REQUESTS : undefined),
    typeof answer.message === 'string' ? answer.message : undefined,
  );
  if (httpStatus !== 429 && !retryable && reason !== CREDENTIALS_INVALID) {
    return { kind: 'rejected', reason, explanation, errorCode, httpStatus };
  }
  return {
    kind: 'notSent',
    reason,
    explanation,
    detail: `Twilio answered HTTP ${httpStatus}`,
    errorCode,
    httpStatus,
    retryAfterMs: retryAfterMs(headers['retry-after'], Date.now()),
  };
}

/** Sorts a request that got no answer. */
export function outcomeOfFailure(error: unknown): Outcome {
  if (error instanceof TransportError && !error.reachedTheWire) {
    return {
      kind: 'notSent',
      reason: 'twilio_unreachable',
      explanation: `${error.message} Check the network between this application and Twilio.`,
      detail: error.message,
    };
  }
  // Anything else may have happened after the request left.
  const detail = error instanceof TransportError ? error.message : 'the request failed';
  return { kind: 'ambiguous', detail };
}

/** Milliseconds that a `Retry-After` header asks for, in seconds or as a date; at most an hour. */
export function retryAfterMs(header: unknown, now: number): number | undefined {
  if (typeof header !== 'string') return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) && ms > 0 ? Math.min(ms, 3_600_000) : undefined;
}

/** The reason of a refusal that says nothing about the message: it can be sent when they are corrected. */
export const CREDENTIALS_INVALID = 'credentials_invalid';

const TOO_MANY_REQUESTS = 20429;

/** 408 is a time-out in front of Twilio: it says nothing about the message. */
const isRefusal = (httpStatus: number): boolean =>
  httpStatus >= 400 && httpStatus < 500 && httpStatus !== 408;
