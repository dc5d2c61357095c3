import { API } from '../fixtures.js';
import { serve } from '../harness/program.js';
import { callbackRequests, type CallbackLoad } from '../load/callback-requests.js';
import { notificationRequests, type NotificationLoad } from '../load/notification-requests.js';
import { exchangeAll, type LoadResult } from '../load/exchange.js';

/** Makes requests over so many connections and measures the answers. */
export type Load = {
  callbacks(load: CallbackLoad): Promise<LoadResult>;
  notifications(load: NotificationLoad): Promise<LoadResult>;
};

// Everything is written down before the first byte is sent.
serve({
  callbacks: (load: CallbackLoad) => exchangeAll(callbackRequests(load), load),
  notifications: (load: NotificationLoad) => exchangeAll(notificationRequests(load, API), load),
} satisfies Load);
