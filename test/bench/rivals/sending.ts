/** Something that sends messages. */
export interface Sending {
  /** Resolves when `count` messages are at Twilio and whatever is stored of that is stored. */
  send(count: number): Promise<void>;
  close(): Promise<void>;
}
