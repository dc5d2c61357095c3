import { messagingServiceOf } from './simulated-message.js';

/** A refusal in Twilio's form. */
export interface TwilioErrorBody {
  readonly code: number;
  readonly message: string;
  readonly more_info: string;
  readonly status: number;
}

const MESSAGES: Readonly<Record<number, string>> = {
  20003: 'Authenticate',
  20404: 'The requested resource was not found',
  20429: 'Too Many Requests',
  20500: 'An internal server error has occurred',
  21211: "The 'To' number is not a valid phone number.",
  21603: "A 'From' phone number or a MessagingServiceSid is required.",
  21604: "A 'To' phone number is required.",
  21609: "The 'StatusCallback' URL is not a valid URL.",
  21617: 'The concatenated message body exceeds the 1600 character limit.',
  21619: 'A text message body or media urls must be specified.',
  21623: 'Number of media files exceeds allowed limit.',
  21654: 'ContentSid Required',
  21655: 'The ContentSid is Invalid',
  21656: 'The Content Variables parameter is invalid.',
  63007: 'Twilio could not find a Channel with the specified From address',
};

const HTTP_STATUS: Readonly<Record<number, number>> = {
  20003: 401,
  20404: 404,
  20429: 429,
  20500: 500,
};

/** The answer with which Twilio refuses a request. */
export const twilioError = (code: number): TwilioErrorBody => ({
  code,
  message: MESSAGES[code] ?? `Error ${code}`,
  more_info: `https://www.twilio.com/docs/errors/${code}`,
  status: HTTP_STATUS[code] ?? 400,
});

const WHATSAPP_ADDRESS = /^whatsapp:(\+[1-9]\d{6,14}|[A-Z]{2}\.[A-Za-z0-9.]+)$/;
const CONTENT_SID = /^HX[0-9a-f]{32}$/i;
const CALLBACK_HOST = /^https?:\/\/([^/]*@)?[^_/@]+(\/|$)/;

/** Checks the form of a POST as Twilio does. @returns the code of the first thing that is wrong */
export function refusalOf(form: URLSearchParams, senders?: readonly string[]): number | undefined {
  const to = form.get('To');
  const from = form.get('From');
  const contentSid = form.get('ContentSid');
  const contentVariables = form.get('ContentVariables');
  const statusCallback = form.get('StatusCallback');
  if (!to) return 21604;
  if (!WHATSAPP_ADDRESS.test(to)) return 21211;
  const service = messagingServiceOf(form);
  if (!from && !service) return 21603;
  if (
    from &&
    from !== service &&
    senders &&
    !senders.some((sender) => from === `whatsapp:${sender}`)
  )
    return 63007;
  if (contentVariables && !contentSid) return 21654;
  if (contentSid && !CONTENT_SID.test(contentSid)) return 21655;
  if (contentVariables && !areVariables(contentVariables)) return 21656;
  if (!contentSid && !form.get('Body') && !form.has('MediaUrl')) return 21619;
  if ((form.get('Body') ?? '').length > 1600) return 21617;
  if (form.getAll('MediaUrl').length > 10) return 21623;
  if (statusCallback && !CALLBACK_HOST.test(statusCallback)) return 21609;
  return undefined;
}

/** Whether the text is a JSON object whose values WhatsApp takes. */
function areVariables(text: string): boolean {
  try {
    const variables: unknown = JSON.parse(text);
    return (
      typeof variables === 'object' &&
      variables !== null &&
      !Array.isArray(variables) &&
      Object.values(variables).every(
        (value) => value !== null && value !== '' && !/[\r\n\t]| {5}/.test(String(value)),
      )
    );
  } catch {
    return false;
  }
}
