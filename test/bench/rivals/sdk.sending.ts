import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Agent as HttpAgent } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import { TwilioModule, TwilioService } from 'nestjs-twilio';
import twilio from 'twilio';
import type RequestClient from 'twilio/lib/base/RequestClient.js';
import { Pool } from 'undici';
import { ACCOUNT_SID, AUTH_TOKEN, phoneNumber, SENDER, TEXT } from '../fixtures.js';
import { closedLoop } from '../harness/closed-loop.js';
import { IN_FLIGHT } from '../subject.js';
import type { Sending } from './sending.js';

/** What is used of a client of the SDK, whichever version of it. */
export interface TwilioClient {
  readonly api: { baseUrl: string };
  readonly messages: {
    create(message: { to: string; from: string; body: string }): Promise<{ readonly sid: string }>;
  };
}

/** The twilio SDK as it comes, and nothing else. */
export function sdkAlone(twilioUrl: string): Sending {
  return { send: loopOf(sdkClient(twilioUrl)), close: async () => undefined };
}

export function sdkClient(twilioUrl: string, httpClient?: RequestClient): TwilioClient {
  const client: TwilioClient = twilio(ACCOUNT_SID, AUTH_TOKEN, { httpClient });
  return pointedAt(twilioUrl, client);
}

/** Sends a client to the peer, over sockets with the SDK's own limits: it sets them for https only. */
function pointedAt(twilioUrl: string, client: TwilioClient): TwilioClient {
  client.api.baseUrl = twilioUrl;
  const defaults = (client as unknown as SdkInternals).httpClient.axios?.defaults;
  if (defaults) defaults.httpAgent = new HttpAgent({ ...defaults.httpsAgent.options });
  return client;
}

interface SdkInternals {
  readonly httpClient: {
    /** Absent from a client of one's own. */
    readonly axios?: { readonly defaults: { httpAgent?: HttpAgent; httpsAgent: HttpsAgent } };
  };
}

/** The client that nestjs-twilio provides. */
export async function nestjsTwilio(twilioUrl: string): Promise<Sending> {
  @Module({
    imports: [TwilioModule.forRoot({ accountSid: ACCOUNT_SID, authToken: AUTH_TOKEN })],
  })
  class NestjsTwilioModule {}

  const app = await NestFactory.createApplicationContext(NestjsTwilioModule, { logger: false });
  const client: TwilioClient = app.get(TwilioService, { strict: false }).client;
  return { send: loopOf(pointedAt(twilioUrl, client)), close: () => app.close() };
}

/** The SDK over undici with nothing stored: the limit of whoever uses the SDK. */
export function sdkOnUndici(twilioUrl: string): Sending {
  const pool = new Pool(twilioUrl, { connections: IN_FLIGHT });
  const httpClient = {
    async request({ method, uri, username, password, data }: RequestClient.RequestOptions) {
      const credentials = Buffer.from(`${username}:${password}`).toString('base64');
      const { statusCode, headers, body } = await pool.request({
        method: method.toUpperCase(),
        path: new URL(uri).pathname,
        headers: {
          authorization: `Basic ${credentials}`,
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: new URLSearchParams(data as Record<string, string>).toString(),
      });
      return { statusCode, headers, body: await body.text() };
    },
  };
  const client = sdkClient(twilioUrl, httpClient as unknown as RequestClient);
  return { send: loopOf(client), close: () => pool.close() };
}

const loopOf =
  ({ messages }: TwilioClient) =>
  (count: number): Promise<void> =>
    closedLoop(count, IN_FLIGHT, (index) => messages.create(messageTo(index)));

/** The same message for everybody who sends. */
export const messageTo = (index: number): { to: string; from: string; body: string } => ({
  to: `whatsapp:${phoneNumber(index)}`,
  from: `whatsapp:${SENDER}`,
  body: TEXT,
});
