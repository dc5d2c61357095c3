import {
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { catchError, TimeoutError, timeout, type Observable } from 'rxjs';
import { TypeORMError } from 'typeorm';
import { DatabaseError } from '../database/database-error.js';
import { InjectWhatsappOptions } from '../twilio-whatsapp.decorators.js';
import { answerableError, DatabaseUnavailableError } from '../twilio-whatsapp.errors.js';
import type { TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { askToRetry, type Response } from './retry-after.js';

/** Answers for a database that fails: with 503 while it is unavailable, and for reading never later than its time-out. */
@Injectable()
export class DatabaseFailures implements NestInterceptor {
  private readonly timeoutMs: number;

  constructor(@InjectWhatsappOptions() { delivery }: TwilioWhatsappOptions) {
    this.timeoutMs = delivery.databaseTimeoutMs;
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const isReading = http.getRequest<{ method: string }>().method === 'GET';
    const answer = isReading ? next.handle().pipe(timeout(this.timeoutMs)) : next.handle();
    return answer.pipe(
      catchError((error: unknown) => {
        throw askToRetry(http.getResponse<Response>(), errorOf(error));
      }),
    );
  }
}

/** What callers are answered. Repositories throw TypeORM's errors, and its pools the driver's. */
export function errorOf(error: unknown): unknown {
  if (error instanceof TimeoutError) return new DatabaseUnavailableError(error);
  if (error instanceof TypeORMError) return answerableError(new DatabaseError(error));
  if (!isPlain(error)) return answerableError(error);
  const failure = new DatabaseError(error);
  return failure.isUnavailable ? new DatabaseUnavailableError(failure) : error;
}

const isPlain = (error: unknown): boolean =>
  error instanceof AggregateError || Object(error).constructor === Error;
