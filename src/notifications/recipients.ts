import { IDENTIFIER_HINT, isIdentifier } from '../validation/identifier.js';
import type { ProfileChange } from '../users/user.store.js';

export const MAX_RECIPIENTS = 10_000;
const MAX_PROBLEMS = 10;

/** A user to notify; with a profile when attributes came along. */
export interface Recipient {
  readonly identifier: string;
  readonly profile?: ProfileChange['profile'];
}

/**
 * Reads the recipients of a notification in one pass: ten thousand of them would be too many for decorators.
 *
 * @returns each user once, in order, and a message for each entry that is wrong
 */
export function readRecipients(
  current: unknown,
  legacy: unknown,
): { recipients: Recipient[]; problems: string[] } {
  const recipients = new Map<string, Recipient>();
  const problems: string[] = [];
  const add = (list: unknown, path: string, inline: boolean) => {
    if (list === undefined || list === null) return;
    if (!Array.isArray(list)) {
      problems.push(`${path} must be a list`);
      return;
    }
    if (list.length > MAX_RECIPIENTS) {
      problems.push(`${path} must not name more than ${MAX_RECIPIENTS} users`);
      return;
    }
    list.forEach((entry: unknown, index) => {
      const recipient = readRecipient(entry, inline);
      if (typeof recipient === 'string') {
        if (problems.length < MAX_PROBLEMS) problems.push(`${path}[${index}] ${recipient}`);
      } else {
        const known = recipients.get(recipient.identifier);
        recipients.set(recipient.identifier, known ? united(known, recipient) : recipient);
      }
    });
  };
  add(current, 'sendTo.recipients', true);
  add(legacy, 'recipients', false);
  if (problems.length === 0 && recipients.size === 0) {
    problems.push('sendTo.recipients must name at least one user');
  }
  if (recipients.size > MAX_RECIPIENTS) {
    problems.push(`sendTo.recipients must not name more than ${MAX_RECIPIENTS} users`);
  }
  return { recipients: [...recipients.values()], problems };
}

/** @returns the recipient, or what is wrong with the entry */
function readRecipient(entry: unknown, inline: boolean): Recipient | string {
  if (isIdentifier(entry)) return { identifier: entry };
  if (!inline || typeof entry !== 'object' || entry === null) return IDENTIFIER_HINT;
  const { identifier, ...profile } = entry as Record<string, unknown>;
  if (!isIdentifier(identifier)) return `.identifier ${IDENTIFIER_HINT}`;
  return { identifier, profile };
}

const united = (first: Recipient, second: Recipient): Recipient =>
  second.profile
    ? { identifier: first.identifier, profile: { ...first.profile, ...second.profile } }
    : first;
