import { Catch, HttpException, Logger, type ArgumentsHost } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { STATUS_CODES } from 'node:http';

/** Gives every error the same three fields, also those of the HTTP framework itself. */
@Catch()
export class HttpErrorFilter extends BaseExceptionFilter {
  private readonly log = new Logger('Http');

  override catch(exception: unknown, host: ArgumentsHost): void {
    const known = exception instanceof HttpException ? exception : this.ofFramework(exception);
    if (known.getStatus() >= 500) this.log.error('A request failed', exception);
    super.catch(known, host);
  }

  private ofFramework(exception: unknown): HttpException {
    const { statusCode = 500, message } = Object(exception) as {
      statusCode?: number;
      message?: string;
    };
    const error = STATUS_CODES[statusCode];
    const isOurFault = statusCode >= 500 || !error;
    return new HttpException(
      isOurFault
        ? { statusCode: 500, message: 'Internal server error', error: 'Internal Server Error' }
        : { statusCode, message, error },
      isOurFault ? 500 : statusCode,
    );
  }
}
