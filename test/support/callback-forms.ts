import { createHash } from 'node:crypto';
import request from 'supertest';
import { getExpectedTwilioSignature } from 'twilio/lib/webhooks/webhooks.js';
import { ACCOUNT_SID, AUTH_TOKEN, fictionalNumber, type TestApplication } from './application.js';

export type FormFields = Record<string, string | string[]>;

/** A message that Twilio has accepted, and what is needed to report on it. */
export interface SentMessage {
  readonly id: string;
  readonly sid: string;
  readonly recipient: string;
  /** Its `StatusCallback`. */
  readonly url: string;
  readonly instance: string;
}

/** Plays Twilio's part in calling back: messages of which the simulator says nothing, and signed requests about them. */
export class CallbackClient {
  private users = 0;

  constructor(private readonly t: TestApplication) {}

  /** A message that Twilio has accepted and will say nothing about. */
  async sentMessage(override?: object): Promise<SentMessage> {
    const [message] = await this.sentMessages(1, override);
    return message;
  }

  /** So many of them, sent at once. */
  async sentMessages(count: number, override?: object): Promise<SentMessage[]> {
    const recipients = Array.from({ length: count }, () => {
      const phoneNumber = fictionalNumber(++this.users);
      this.t.simulator.script(phoneNumber, { statuses: [] });
      return { identifier: `quiet-${this.users}`, phoneNumber };
    });
    const { body } = await this.t
      .api()
      .post('/v3/notifications')
      .send({
        notification: { title: 'Hello' },
        sendTo: { recipients },
        ...(override && { override: { twilio_whatsapp: override } }),
      })
      .expect(202);
    while ((await this.counts(body.requestId)).sent !== count) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const messages = await this.messagesOf(body.requestId);
    return messages.map((message) => ({
      id: message.id,
      sid: message.sid,
      recipient: message.recipient,
      url: this.t.simulator.messages.get(message.sid)!.form.get('StatusCallback')!,
      instance: message.instance,
    }));
  }

  /** POSTs a form as Twilio does, signed for the URL unless a signature is given. */
  post(url: string, form: FormFields, signature = sign(url, form)): request.Test {
    const body = new URLSearchParams();
    for (const [name, value] of Object.entries(form))
      for (const item of [value].flat()) body.append(name, item);
    const { pathname, search } = new URL(url);
    return request(this.t.app.getHttpServer())
      .post(pathname + search)
      .set({ 'Content-Type': 'application/x-www-form-urlencoded', 'X-Twilio-Signature': signature })
      .send(body.toString());
  }

  /** POSTs events to the callback URL of an instance, as Event Streams does. */
  postEvents(instance: string, events: object): request.Test {
    const body = JSON.stringify(events);
    const url = `${this.t.url}/v3/callbacks/twilio_whatsapp/${instance}`;
    const query = `bodySHA256=${createHash('sha256').update(body).digest('hex')}`;
    return request(this.t.app.getHttpServer())
      .post(`${new URL(url).pathname}?${query}`)
      .set({
        'Content-Type': 'application/json',
        'X-Twilio-Signature': sign(`${url}?${query}`, {}),
      })
      .send(body);
  }

  private async counts(requestId: string): Promise<Record<string, number>> {
    const { body } = await this.t.api().get(`/v3/notifications/${requestId}`).expect(200);
    return body.counts;
  }

  private async messagesOf(requestId: string): Promise<Record<string, string>[]> {
    const found: Record<string, string>[] = [];
    let cursor = '';
    do {
      const { body } = await this.t
        .api()
        .get(`/v3/messages?requestId=${requestId}&limit=200${cursor && `&cursor=${cursor}`}`)
        .expect(200);
      found.push(...body.items);
      cursor = body.nextCursor ?? '';
    } while (cursor);
    return found;
  }

  /** A message as the API shows it. */
  async detail(
    id: string,
  ): Promise<Record<string, unknown> & { events: Record<string, unknown>[] }> {
    const { body } = await this.t.api().get(`/v3/messages/${id}`).expect(200);
    return body;
  }
}

/** Twilio's signature of a form. */
export const sign = (url: string, form: FormFields, authToken = AUTH_TOKEN): string =>
  getExpectedTwilioSignature(authToken, url, form);

/** The fields that every status callback of Twilio's has. */
export const fields = (
  sid: string,
  status: string,
  more: Record<string, string> = {},
): Record<string, string> => ({
  MessageSid: sid,
  SmsSid: sid,
  MessageStatus: status,
  SmsStatus: status,
  AccountSid: ACCOUNT_SID,
  ApiVersion: '2010-04-01',
  ...more,
});
