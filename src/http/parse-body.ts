import { BadRequestException } from '@nestjs/common';
import { isUtf8 } from 'node:buffer';
import { parse } from 'node:querystring';
import { isNestedTooDeep, NESTING_PROBLEM } from '../validation/json.js';

const BYTE_ORDER_MARK = Buffer.from('\uFEFF');

/**
 * Reads a body as JSON; an empty one as `{}`, for Engagespot's own client sends that.
 *
 * @throws BadRequestException when it is not JSON in UTF-8, or nested too deep: then it is not parsed at all
 */
export function parseJson(body: Buffer): unknown {
  if (body.length === 0) return {};
  if (isNestedTooDeep(body)) throw new BadRequestException([NESTING_PROBLEM]);
  if (!isUtf8(body)) throw new BadRequestException('The body is not UTF-8: write JSON in UTF-8.');
  const start = body.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)
    ? BYTE_ORDER_MARK.length
    : 0;
  try {
    return JSON.parse(body.toString('utf8', start));
  } catch (error) {
    throw new BadRequestException(`The body is not JSON: ${(error as Error).message}`);
  }
}

/** Reads a body as a form. */
export const parseForm = (body: Buffer): object => parse(body.toString('utf8'));
