import type { DeliveryStatus, EvidenceSource } from '../events/delivery-event.js';

/** Why a message is given up: a stable code, a sentence, and Twilio's error code if it gave one. */
export interface Discard {
  readonly reason: string;
  readonly explanation: string;
  readonly errorCode?: number;
}

/** When something was learnt about a message. */
export interface Moment {
  /** In milliseconds since 1970. */
  readonly at: number;
  /** Set when Twilio has no callback URL: the status comes from polling only. */
  readonly isUncalled?: boolean;
}

/** One thing that somebody learnt or did about a message. Negative evidence counts only with the current fence. */
export type Evidence = Moment &
  (
    | {
        readonly kind: 'started';
        /** A number that no other start of the message has had. */
        readonly fence: number;
        readonly leaseUntil: number;
        readonly refusal?: Discard;
      }
    | ({
        readonly kind: 'accepted';
        readonly sid: string;
        readonly providerStatus: string;
      } & FencedAnswer)
    | ({
        readonly kind: 'notSent';
        readonly retryAt: number | null;
        /** Set when even the start may never have been: then its attempt's number may be another's. */
        readonly isUnconfirmed?: boolean;
      } & Discard &
        FencedAnswer)
    | ({ readonly kind: 'rejected' } & Discard & FencedAnswer)
    | ({ readonly kind: 'ambiguous' } & FencedAnswer & Resend)
    | ({ readonly kind: 'lapsed' } & Resend)
    | ({ readonly kind: 'missing'; readonly attempt: number } & Resend)
    | {
        readonly kind: 'undecided';
        readonly attempt: number;
        /** The SIDs in Twilio's list of which one may be the message's. */
        readonly sids: readonly string[];
      }
    | {
        readonly kind: 'disproved';
        /** The SID that the message had by a guess, and that is proven to be another attempt's. */
        readonly sid: string;
      }
    | { readonly kind: 'checked' }
    | Report
    | { readonly kind: 'canceled' }
    | Resolution
  );

/** What becomes of a message that Twilio may have, where the policy is not to hold it. */
export interface Resend {
  /** When to send it again. */
  readonly resendAt?: number;
}

/** How one attempt ended. */
export interface Answer {
  readonly attempt: number;
  readonly httpStatus?: number;
  readonly detail?: string;
}
export type FencedAnswer = Answer & { readonly fence: number };

/**
 * How a report found its message: by the callback URL that we made for the attempt, which proves that its SID is the
 * attempt's; by a SID that is stored with the message; or because it fits an entry of Twilio's list, which is a guess.
 */
export type ReportMatch = 'url' | 'sid' | 'list';

/** A status that Twilio reported for a message it has accepted. */
export interface Report {
  readonly kind: 'reported';
  readonly source: EvidenceSource;
  readonly sid: string;
  readonly providerStatus: string;
  /** Absent for a status that this version does not know. */
  readonly type?: DeliveryStatus;
  readonly discard?: Discard;
  readonly matchedBy: ReportMatch;
  /** The attempt that the report belongs to, where that is proven; of a list, the one that is looked for. */
  readonly attempt?: number;
  /** Set when the SID is proven to be that of another attempt: then it is not stored with this one. */
  readonly isSidTaken?: boolean;
  /** Present when Twilio failed in a way that calls for another attempt: where in the range of its delay, from 0 to 1. */
  readonly jitter?: number;
  /** As it came in, redacted, in JSON. */
  readonly raw?: string;
}

/** An operator's word on a message whose fate is unknown. */
export interface Resolution {
  readonly kind: 'resolved';
  readonly status: 'sent' | 'discarded' | 'queued';
  readonly sid?: string;
  readonly explanation?: string;
}
