import { BadRequestException } from '@nestjs/common';
import { MESSAGE_SID, STATUS, toErrorCode } from '../twilio/outcome.js';
import { redact } from './redaction.js';
import type { ReportedStatus } from './reported-status.js';

const MESSAGE_EVENT = /^com\.twilio\.messaging\.message\.(\w+)$/;
const ACCOUNT_OF_SOURCE = /\/Accounts\/(AC\w+)\//;

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads what Event Streams delivers: CloudEvents in JSON, several in an array or a single one. Its `type` says what
 * became of the message; an event that comes twice, by its `id`, counts once.
 *
 * @returns the statuses of outgoing messages; anything else that a subscription brings along is left out
 * @throws BadRequestException when it is not JSON
 */
export function readEvents(body: Buffer): ReportedStatus[] {
  const events = [parse(body)].flat().filter(isObject);
  const distinct = new Map(events.map((event, index) => [textOf(event.id) ?? index, event]));
  return [...distinct.values()].flatMap(statusOf);
}

function statusOf(event: Json): ReportedStatus[] {
  const data = isObject(event.data) ? event.data : {};
  const [, providerStatus = ''] = MESSAGE_EVENT.exec(textOf(event.type) ?? '') ?? [];
  const sid = textOf(data.messageSid) ?? '';
  if (!MESSAGE_SID.test(sid) || !STATUS.test(providerStatus)) return [];
  const { id, type, time, dataschema } = event;
  return [
    {
      source: 'stream',
      accountSid:
        textOf(data.accountSid) ?? ACCOUNT_OF_SOURCE.exec(textOf(event.source) ?? '')?.[1],
      sid,
      providerStatus,
      errorCode: toErrorCode(data.errorCode),
      statusCallback: textOf(data.statusCallBackUrl),
      raw: JSON.stringify({
        ...Object.fromEntries(
          Object.entries({ id, type, time, dataschema }).map(([name, value]) => [
            name,
            textOf(value)?.slice(0, MAX_LENGTH),
          ]),
        ),
        data: redact(Object.entries(data)),
      }),
    },
  ];
}

const MAX_LENGTH = 300;

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new BadRequestException('The events are not JSON.');
  }
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined;
