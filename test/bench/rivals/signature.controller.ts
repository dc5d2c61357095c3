import { Controller, ForbiddenException, Headers, HttpCode, Post, Req } from '@nestjs/common';
import { signedRequest, type HttpRequest } from '#library/callbacks/callback-request.js';
import { parseForm, verifyForm, type FormParameters } from '#library/twilio/signature.js';
import { AUTH_TOKEN, PUBLIC_URL } from '../fixtures.js';

/** Reads a callback and checks its signature as the module does. @throws ForbiddenException */
export function verified(request: HttpRequest, signature: string): FormParameters {
  const parameters = parseForm(signedRequest(request).body.toString('utf8'));
  if (!verifyForm([AUTH_TOKEN], signature, `${PUBLIC_URL}/callbacks`, parameters)) {
    throw new ForbiddenException();
  }
  return parameters;
}

/** Checks the signature and stores nothing: the limit of whoever uses the framework. */
@Controller('callbacks')
export class SignatureController {
  @Post()
  @HttpCode(204)
  receive(@Headers('x-twilio-signature') signature: string, @Req() request: HttpRequest): void {
    verified(request, signature);
  }
}
