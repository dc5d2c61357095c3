import { Catch, HttpException, Logger, type ArgumentsHost } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { STATUS_CODES } from 'node:http';

const INTERNAL_ERROR = 500;

/** Gives every error the same three fields, also those of the HTTP framework itself. */
@Catch()
export class HttpErrorFilter extends BaseExceptionFilter {
  private readonly logger = new Logger('Http');

  override catch(exception: unknown, host: ArgumentsHost): void {
    const { statusCode, message } = described(exception);
    if (statusCode >= INTERNAL_ERROR) this.logger.error('A request failed', exception);
    const error = STATUS_CODES[statusCode];
    super.catch(new HttpException({ statusCode, message, error }, statusCode), host);
  }
}

/** What may be said of an error: nothing that comes from deeper than the HTTP framework. */
function described(exception: unknown): { statusCode: number; message: unknown } {
  if (exception instanceof HttpException) {
    const response = exception.getResponse();
    const message = typeof response === 'string' ? response : Object(response).message;
    return { statusCode: exception.getStatus(), message: message ?? exception.message };
  }
  const { statusCode, message } = Object(exception) as { statusCode?: unknown; message?: unknown };
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < INTERNAL_ERROR
    ? { statusCode, message }
    : { statusCode: INTERNAL_ERROR, message: 'Internal server error' };
}
