import {
  Controller,
  Headers,
  HttpCode,
  HttpStatus,
  Param,
  ParseIntPipe,
  Post,
  Req,
} from '@nestjs/common';
import { PROVIDER_IDENTIFIER } from '../twilio-whatsapp.constants.js';
import { CallbackRecorder } from './callback-recorder.js';
import { readForm, type CallbackRequest } from './form-body.js';

/** Where Twilio reports; its signature takes the place of the API key. */
@Controller(`callbacks/${PROVIDER_IDENTIFIER}`)
export class CallbacksController {
  constructor(private readonly recorder: CallbackRecorder) {}

  @Post(':instanceId')
  @HttpCode(HttpStatus.NO_CONTENT)
  ofInstance(
    @Param('instanceId') instanceId: string,
    @Headers('x-twilio-signature') signature = '',
    @Req() request: CallbackRequest,
  ): Promise<void> {
    return this.recorder.ofInstance(instanceId, { signature, parameters: readForm(request) });
  }

  @Post(':instanceId/:messageId/:attempt/:mac')
  @HttpCode(HttpStatus.NO_CONTENT)
  ofAttempt(
    @Param('instanceId') instanceId: string,
    @Param('messageId') messageId: string,
    @Param('attempt', ParseIntPipe) attempt: number,
    @Param('mac') mac: string,
    @Headers('x-twilio-signature') signature = '',
    @Req() request: CallbackRequest,
  ): Promise<void> {
    return this.recorder.ofAttempt({ instanceId, messageId, attempt }, mac, {
      signature,
      parameters: readForm(request),
    });
  }
}
