import { ConfigurableModuleBuilder } from '@nestjs/common';
import { DiscoveryModule, RouterModule } from '@nestjs/core';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { CallbacksController } from './callbacks/callbacks.controller.js';
import { TWILIO_WHATSAPP_ENTITIES } from './twilio-whatsapp.entities.js';
import { MessagesController } from './delivery/messages.controller.js';
import { ApiKeyVerifier } from './http/api-key.verifier.js';
import { RequestGate, slashed, type RouteKind } from './http/request-gate.js';
import { NotificationsController } from './notifications/notifications.controller.js';
import { ProviderInstancesController } from './providers/provider-instances.controller.js';
import { ProvidersController } from './providers/providers.controller.js';
import {
  TWILIO_WHATSAPP_DATA_SOURCE,
  TWILIO_WHATSAPP_EXTRAS,
  TWILIO_WHATSAPP_OPTIONS,
  TWILIO_WHATSAPP_RAW_OPTIONS,
} from './twilio-whatsapp.constants.js';
import type {
  TwilioWhatsappModuleExtras,
  TwilioWhatsappModuleOptions,
  TwilioWhatsappOptions,
} from './twilio-whatsapp.options.js';
import { UsersController } from './users/users.controller.js';

/** The settings that are fixed while modules are assembled, and their defaults. */
export const DEFAULT_EXTRAS: Required<TwilioWhatsappModuleExtras> = {
  isGlobal: false,
  controllers: true,
  pathPrefix: 'v3',
  dataSource: 'default',
};

const CONTROLLERS = [
  NotificationsController,
  MessagesController,
  UsersController,
  ProvidersController,
  ProviderInstancesController,
  CallbacksController,
];

/** The paths of what is mounted, and what is taken there. */
function routesUnder({
  controllers,
  pathPrefix,
}: Required<TwilioWhatsappModuleExtras>): Map<string, RouteKind> {
  return new Map(
    (controllers ? CONTROLLERS : []).map((controller) => [
      slashed(`${pathPrefix}/${Reflect.getMetadata('path', controller) as string}`),
      controller === CallbacksController ? 'callback' : 'api',
    ]),
  );
}

export const { ConfigurableModuleClass, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<TwilioWhatsappModuleOptions>({
    optionsInjectionToken: TWILIO_WHATSAPP_RAW_OPTIONS,
  })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createTwilioWhatsappOptions')
    .setExtras<TwilioWhatsappModuleExtras>(DEFAULT_EXTRAS, (definition, given) => {
      const extras = { ...DEFAULT_EXTRAS, ...given };
      const path = extras.pathPrefix;
      return {
        ...definition,
        global: extras.isGlobal,
        imports: [
          ...(definition.imports ?? []),
          DiscoveryModule,
          TypeOrmModule.forFeature(TWILIO_WHATSAPP_ENTITIES, extras.dataSource),
          ...(path ? [RouterModule.register([{ path, module: definition.module }])] : []),
        ],
        controllers: extras.controllers ? CONTROLLERS : [],
        providers: [
          ...(definition.providers ?? []),
          { provide: TWILIO_WHATSAPP_EXTRAS, useValue: extras },
          {
            provide: RequestGate,
            inject: [TWILIO_WHATSAPP_OPTIONS, ApiKeyVerifier],
            useFactory: ({ api }: TwilioWhatsappOptions, apiKey: ApiKeyVerifier) =>
              new RequestGate(api, apiKey, routesUnder(extras)),
          },
          {
            provide: TWILIO_WHATSAPP_DATA_SOURCE,
            useExisting: getDataSourceToken(extras.dataSource),
          },
        ],
      };
    })
    .build();
