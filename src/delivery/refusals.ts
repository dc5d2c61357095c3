import type { Discard } from './evidence.js';

/** Why a recipient has no address that a message could go to. */
export type Refusal = 'recipient_unknown' | 'phone_missing' | 'phone_invalid';

const EXPLANATIONS: Record<Refusal, string> = {
  recipient_unknown:
    'There is no user with this identifier. Create the user, or pass a phoneNumber with the recipient.',
  phone_missing:
    "The user's profile has no phoneNumber. Add one in E.164 form, such as +919988776655.",
  phone_invalid:
    "The user's phoneNumber is not a phone number in E.164 form without spaces, such as +919988776655.",
};

/** The discard of a message whose instance is gone. */
export const INSTANCE_DELETED: Discard = {
  reason: 'instance_deleted',
  explanation: 'The provider instance was deleted before the message was sent.',
};

/** The discard of a message that was accepted without an address; `reason` is what its row says. */
export function refusalOf(reason: string | null): Discard {
  const refusal = (reason ?? 'phone_missing') as Refusal;
  return { reason: refusal, explanation: EXPLANATIONS[refusal] };
}
