import { jsonOf, TransportError, type TwilioResponse } from './twilio-response.js';

/** What Twilio says of a provider instance's configuration. */
export interface ConfigurationCheck {
  readonly ok: boolean;
  readonly credentials: Finding;
  readonly sender: Finding;
}

export interface Finding {
  readonly ok: boolean;
  /** What is wrong and how to mend it; absent when all is well. */
  readonly explanation?: string;
}

export const NOT_CHECKED: Finding = {
  ok: false,
  explanation: 'Not checked: the credentials come first.',
};

const UNREADABLE =
  'The answer is not what Twilio documents: check that nothing stands between this application and Twilio, and twilioApiUrl.';

const REFUSALS = new Set([401, 403, 404]);

/** What Twilio's answer to a look at the account says of its auth token. */
export function accountFinding(answer: TwilioResponse | TransportError): Finding {
  if (answer instanceof TransportError) return { ok: false, explanation: answer.message };
  if (answer.statusCode === 200) {
    const { status } = jsonOf(answer);
    if (typeof status !== 'string') return { ok: false, explanation: UNREADABLE };
    return status === 'active'
      ? { ok: true }
      : { ok: false, explanation: `The Twilio account is ${status}.` };
  }
  return {
    ok: false,
    explanation: REFUSALS.has(answer.statusCode)
      ? 'Twilio does not know this pair of TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN: copy both again from its console.'
      : `Twilio answered HTTP ${answer.statusCode} to a look at the account.`,
  };
}

/** What Twilio's answer to a look at the account's messages says of an API key, which may not read the account itself. */
export function apiKeyFinding(answer: TwilioResponse | TransportError): Finding {
  if (answer instanceof TransportError) return { ok: false, explanation: answer.message };
  if (answer.statusCode === 200) {
    return Array.isArray(jsonOf(answer).messages)
      ? { ok: true }
      : { ok: false, explanation: UNREADABLE };
  }
  return {
    ok: false,
    explanation: REFUSALS.has(answer.statusCode)
      ? 'Twilio does not take TWILIO_API_KEY_SID and TWILIO_API_KEY_SECRET for TWILIO_ACCOUNT_SID: copy them again from its console, or make a new key of that account. A restricted key needs the right to read messages.'
      : `Twilio answered HTTP ${answer.statusCode} to a look at the account's messages.`,
  };
}

/** What Twilio's list of WhatsApp senders says of one of them. */
export function senderFinding(answer: TwilioResponse | TransportError, from: string): Finding {
  if (answer instanceof TransportError) return { ok: false, explanation: answer.message };
  if (answer.statusCode !== 200) {
    const explanation = `Twilio answered HTTP ${answer.statusCode} to a look at the WhatsApp senders.`;
    return { ok: false, explanation };
  }
  const { senders } = jsonOf(answer);
  if (!Array.isArray(senders)) return { ok: false, explanation: UNREADABLE };
  const sender = senders
    .map((entry) => Object(entry) as { sender_id?: unknown; status?: unknown })
    .find(({ sender_id }) => sender_id === `whatsapp:${from}`);
  if (!sender) {
    return {
      ok: false,
      explanation: `${from} is not a WhatsApp sender of this account: register it in the Twilio console, or correct TWILIO_FROM_NUMBER.`,
    };
  }
  const status = typeof sender.status === 'string' ? sender.status : 'in an unknown state';
  return status.startsWith('ONLINE')
    ? { ok: true }
    : { ok: false, explanation: `The WhatsApp sender ${from} is ${status}, not online.` };
}
