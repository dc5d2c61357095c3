import { Body, Query, ValidationPipe } from '@nestjs/common';

const STRICT = new ValidationPipe({ transform: true, whitelist: true, forbidNonWhitelisted: true });

/** The body as an instance of its DTO; whatever the DTO does not know is a 400. */
export const RequestBody = (): ParameterDecorator => Body(STRICT);

/** The same of the query string. */
export const RequestQuery = (): ParameterDecorator => Query(STRICT);
