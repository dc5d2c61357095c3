/** An answer of Twilio's, whatever its status. */
export interface TwilioResponse {
  readonly statusCode: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

/** The body as a JSON object; empty when it is none. Nothing of it gets into an error, and so into a log. */
export function jsonOf({ body }: TwilioResponse): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {};
  } catch {
    // A body that is not JSON proves nothing; an empty object says just that.
    return {};
  }
}

/**
 * A request that got no answer. It carries nothing of the request: no credentials, no text, no phone number.
 */
export class TransportError extends Error {
  override readonly name = 'TransportError';

  constructor(
    /** Whether the request may have reached Twilio: it was handed to a connection that stood. */
    readonly reachedTheWire: boolean,
    /** The code of the network error, such as `ECONNREFUSED`. */
    readonly code: string,
  ) {
    super(
      reachedTheWire
        ? `The connection to Twilio failed before an answer was read (${code}).`
        : `No connection to Twilio could be made (${code}).`,
    );
  }
}
