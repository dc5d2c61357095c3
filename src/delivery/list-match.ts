import { isProof, type EvidenceSource } from '../events/delivery-event.js';
import type { ListedMessage } from '../twilio/listed-message.js';
import type { MessageList, TwilioParameters } from '../twilio/twilio.gateway.js';

/** An attempt whose answer was lost. */
export interface LostAttempt {
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly requestTimeoutMs: number;
  /** Absent where Twilio may list the message with another text than it was sent with. */
  readonly text?: string;
  readonly messagingServiceSid?: string;
}

/** A SID of the list that an attempt has, and where that was learnt. */
export interface KnownSid {
  readonly sid: string;
  readonly source: EvidenceSource | null;
}

/** An attempt between the same two addresses of which Twilio may have made an entry, and whose SID is not known. */
export interface OpenAttempt {
  readonly isSending: boolean;
  /** Absent where Twilio may list the message with another text than it was sent with. */
  readonly text?: string;
}

/** What a lookup in Twilio's list knows beside the list. */
export interface LookupContext {
  readonly known: readonly KnownSid[];
  /** Those of all messages, the lost one among them. */
  readonly open: readonly OpenAttempt[];
  /** Whether no other program sends from this account. */
  readonly isExclusive: boolean;
}

/** What a lookup in Twilio's list says about a lost attempt. */
export type LookupResult =
  | { readonly kind: 'found'; readonly message: ListedMessage }
  /** No entry of the list can be the message. */
  | { readonly kind: 'missing' }
  /** Some may be: the oldest first. None when the list does not go back far enough. */
  | { readonly kind: 'undecided'; readonly sids: readonly string[] };

/** How far Twilio's clock and the database's may be apart where an entry is taken for the message. */
const MATCH_TOLERANCE_MS = 5000;
/** How far they may be apart where an entry is ruled out. */
const ABSENCE_TOLERANCE_MS = 300_000;
/** How long Twilio may take to list a message that it has accepted. */
const LIST_DELAY_MS = 60_000;

/**
 * Judges a list by what it can prove, in both directions: it shows neither our ids nor who made a message.
 *
 * A message is missing only when no entry of about its time can be it, whatever its text. It is found only where nothing
 * else can fit: no other program sends from the account, there is a text to compare, every attempt that may have made such
 * an entry has made one - there are as many entries as attempts - and none of them is still under way.
 */
export function judge(
  list: MessageList,
  lost: LostAttempt,
  { known, open, isExclusive }: LookupContext,
): LookupResult {
  const sources = new Map(known.map(({ sid, source }) => [sid, source]));
  const possible = list.messages.filter(
    (entry) => mayBe(entry, lost) && !isProof(sources.get(entry.sid) ?? null),
  );
  const isComplete = reachesBackTo(list, lost);
  if (possible.length === 0 && isComplete) return { kind: 'missing' };
  // Twilio lists the newest first, and its dates have no fractions of a second.
  const alike = possible
    .filter((entry) => isAlike(entry, lost))
    .toReversed()
    .toSorted((a, b) => a.createdAt - b.createdAt);
  const free = alike.filter(({ sid }) => !sources.has(sid));
  // Those that have one of these entries by a guess may be wrong about it.
  const guessed = alike.length - free.length;
  const waiting = open.filter(({ text }) => text === undefined || text === lost.text);
  const isCertain =
    isExclusive &&
    isComplete &&
    free.length > 0 &&
    alike.length === waiting.length + guessed &&
    !waiting.some(({ isSending }) => isSending);
  if (isCertain) return { kind: 'found', message: free[0] };
  return { kind: 'undecided', sids: (alike.length > 0 ? alike : possible).map(({ sid }) => sid) };
}

/**
 * The text under which Twilio lists a message; undefined where that may differ from what was sent. Twilio lists
 * templates and discarded contents without their text, and shortened links as they were shortened.
 */
export function listedText({
  Body,
  ContentSid,
  ContentRetention,
  ShortenUrls,
}: TwilioParameters): string | undefined {
  const isListedAsSent =
    ContentSid === undefined && ContentRetention !== 'discard' && ShortenUrls !== 'true';
  return isListedAsSent && typeof Body === 'string' ? Body : undefined;
}

/** Whether nothing rules out that the lost attempt made the entry. */
const mayBe = ({ direction, createdAt }: ListedMessage, lost: LostAttempt): boolean =>
  !direction.startsWith('inbound') &&
  (Number.isNaN(createdAt) || isAbout(createdAt, lost, ABSENCE_TOLERANCE_MS));

/** Whether the entry is what the lost attempt would have made. */
const isAlike = (entry: ListedMessage, lost: LostAttempt): boolean =>
  entry.direction === 'outbound-api' &&
  entry.body === lost.text &&
  isAbout(entry.createdAt, lost, MATCH_TOLERANCE_MS) &&
  entry.messagingServiceSid === lost.messagingServiceSid;

/** How far from the start of a lost attempt another one may have started that made an entry like it, in milliseconds. */
export const rivalRangeMs = ({ requestTimeoutMs }: Pick<LostAttempt, 'requestTimeoutMs'>): number =>
  requestTimeoutMs + LIST_DELAY_MS + 2 * MATCH_TOLERANCE_MS;

const isAbout = (
  createdAt: number,
  { startedAt, requestTimeoutMs }: LostAttempt,
  toleranceMs: number,
): boolean =>
  createdAt >= startedAt - toleranceMs &&
  createdAt <= startedAt + requestTimeoutMs + LIST_DELAY_MS + toleranceMs;

/** Whether the list goes back beyond the attempt, so that what is not in it is missing. */
const reachesBackTo = (
  { messages, isReadable, isLastPage }: MessageList,
  { startedAt }: LostAttempt,
): boolean =>
  isReadable &&
  (isLastPage || messages.some(({ createdAt }) => createdAt < startedAt - ABSENCE_TOLERANCE_MS));
