import { Injectable, Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  OnWhatsappEvent,
  TwilioWhatsappModule,
  type WhatsappDeliveryEvent,
} from 'nestjs-twilio-whatsapp';

@Injectable()
export class DeliveryListener {
  readonly types: string[] = [];

  private readonly waiting: (() => void)[] = [];

  @OnWhatsappEvent()
  onEvent({ type }: WhatsappDeliveryEvent): void {
    this.types.push(type);
    if (type === 'seen') this.waiting.splice(0).forEach((resolve) => resolve());
  }

  /** Resolves when a message has been seen. */
  async seen(): Promise<void> {
    if (!this.types.includes('seen')) {
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }
}

@Module({})
export class AppModule {
  static forSimulator(twilioApiUrl: string, port: number): DynamicModule {
    return {
      module: AppModule,
      imports: [
        TypeOrmModule.forRoot({
          type: 'better-sqlite3',
          database: ':memory:',
          autoLoadEntities: true,
          synchronize: true,
        }),
        TwilioWhatsappModule.forRootAsync({
          useFactory: () => ({
            publicUrl: `http://127.0.0.1:${port}`,
            encryptionKeys: ['MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE='],
            provider: {
              TWILIO_ACCOUNT_SID: `AC${'0'.repeat(32)}`,
              TWILIO_AUTH_TOKEN: 'obviously-fake-auth-token',
              TWILIO_FROM_NUMBER: '+14155238886',
            },
            api: { key: 'host-api-key', secret: 'host-api-secret-that-is-long' },
            twilioApiUrl,
          }),
        }),
      ],
      providers: [DeliveryListener],
    };
  }
}
