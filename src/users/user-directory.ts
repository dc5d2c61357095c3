import type { EntityManager } from 'typeorm';

/** What is needed of a user to reach them on WhatsApp. */
export interface DirectoryUser {
  identifier: string;
  /** E.164, or a business-scoped user id such as `whatsapp:US.abc`. */
  phoneNumber?: string | null;
}

/** The port to whoever knows the users: implement it to use those of the host application. */
export interface UserDirectory {
  /**
   * Finds many users at once. Those that do not exist are left out; the order does not matter.
   *
   * @param transaction the host's own, when it sends within one: users made in it are found in it only
   */
  find(identifiers: readonly string[], transaction?: EntityManager): Promise<DirectoryUser[]>;
}
