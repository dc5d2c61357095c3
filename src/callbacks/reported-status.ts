import type { TwilioStatus } from '../delivery/report.js';

/** What Twilio says about a message in a callback or in an event. */
export interface ReportedStatus extends TwilioStatus {
  readonly source: 'callback' | 'stream';
  /** Absent in events that do not name it. */
  readonly accountSid?: string;
  /** The message's own `StatusCallback`, where an event names it. */
  readonly statusCallback?: string;
  readonly raw: string;
}
