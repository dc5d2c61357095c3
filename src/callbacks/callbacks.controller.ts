import {
  Controller,
  ForbiddenException,
  HttpCode,
  HttpStatus,
  Param,
  Post,
  Req,
  SetMetadata,
  VERSION_NEUTRAL,
  type PipeTransform,
} from '@nestjs/common';
import { PROVIDER_IDENTIFIER } from '../twilio-whatsapp.constants.js';
import { CallbackInbox } from './callback-inbox.js';
import { signedRequest, type HttpRequest } from './callback-request.js';
import { WHATSAPP_CALLBACK } from './whatsapp-callback.js';

/** An attempt's number as we write it: `01` is none of ours. */
const ATTEMPT: PipeTransform<string, number> = {
  transform(text) {
    if (!/^[1-9]\d{0,8}$/.test(text))
      throw new ForbiddenException('The callback is not one of ours.');
    return Number(text);
  },
};

const CalledByTwilio = () => SetMetadata(WHATSAPP_CALLBACK, true);

/** Where Twilio reports; its signature takes the place of the API key, and its URLs have no version of the host's. */
@CalledByTwilio()
@Controller({ path: `callbacks/${PROVIDER_IDENTIFIER}`, version: VERSION_NEUTRAL })
export class CallbacksController {
  constructor(private readonly inbox: CallbackInbox) {}

  @CalledByTwilio()
  @Post(':instanceId')
  @HttpCode(HttpStatus.NO_CONTENT)
  ofInstance(@Param('instanceId') instanceId: string, @Req() request: HttpRequest): Promise<void> {
    return this.inbox.ofInstance(instanceId, signedRequest(request));
  }

  @CalledByTwilio()
  @Post(':instanceId/:messageId/:attempt/:mac')
  @HttpCode(HttpStatus.NO_CONTENT)
  ofAttempt(
    @Param('instanceId') instanceId: string,
    @Param('messageId') messageId: string,
    @Param('attempt', ATTEMPT) attempt: number,
    @Param('mac') mac: string,
    @Req() request: HttpRequest,
  ): Promise<void> {
    return this.inbox.ofAttempt({ instanceId, messageId, attempt }, mac, signedRequest(request));
  }
}
