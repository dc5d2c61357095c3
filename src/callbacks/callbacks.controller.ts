import { Controller, HttpCode, HttpStatus, Param, ParseIntPipe, Post, Req } from '@nestjs/common';
import { PROVIDER_IDENTIFIER } from '../twilio-whatsapp.constants.js';
import { CallbackInbox } from './callback-inbox.js';
import { signedRequest, type HttpRequest } from './callback-request.js';

/** Where Twilio reports; its signature takes the place of the API key. */
@Controller(`callbacks/${PROVIDER_IDENTIFIER}`)
export class CallbacksController {
  constructor(private readonly inbox: CallbackInbox) {}

  @Post(':instanceId')
  @HttpCode(HttpStatus.NO_CONTENT)
  ofInstance(@Param('instanceId') instanceId: string, @Req() request: HttpRequest): Promise<void> {
    return this.inbox.ofInstance(instanceId, signedRequest(request));
  }

  @Post(':instanceId/:messageId/:attempt/:mac')
  @HttpCode(HttpStatus.NO_CONTENT)
  ofAttempt(
    @Param('instanceId') instanceId: string,
    @Param('messageId') messageId: string,
    @Param('attempt', ParseIntPipe) attempt: number,
    @Param('mac') mac: string,
    @Req() request: HttpRequest,
  ): Promise<void> {
    return this.inbox.ofAttempt({ instanceId, messageId, attempt }, mac, signedRequest(request));
  }
}
