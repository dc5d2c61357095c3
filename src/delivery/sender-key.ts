/** Who sends a message, as far as pacing goes. */
export interface SenderIdentity {
  readonly instanceId: string;
  /** Absent while the instance's own account sends. */
  readonly accountSid?: string;
}

/** The queue of messages that go to nobody: they have no address, so nothing paces them. */
export const NOBODY = '';

/**
 * Names the queue that a message waits in: that of its provider instance, or one of its own for each account and
 * number (or messaging service) that an override puts in the instance's place.
 */
export const senderKey = (
  instanceId: string,
  own: { readonly accountSid: string; readonly address: string },
  { accountSid = own.accountSid, address = own.address }: Partial<typeof own>,
): string =>
  accountSid === own.accountSid && address === own.address
    ? instanceId
    : `${instanceId} ${accountSid} ${address}`;

/** Who the queue belongs to. */
export function senderOf(key: string): SenderIdentity {
  const [instanceId, accountSid] = key.split(' ', 2);
  return { instanceId, accountSid };
}
