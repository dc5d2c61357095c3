import { NestFactory } from '@nestjs/core';
import { TwilioWhatsappSender } from 'nestjs-twilio-whatsapp';
import { TwilioSimulator } from 'nestjs-twilio-whatsapp/simulator';
import { createServer, type AddressInfo } from 'node:net';
import { AppModule, DeliveryListener } from './app.module';

/** Sends one notification and returns the types of its delivery events. */
export async function notify(): Promise<string[]> {
  const simulator = await new TwilioSimulator({
    accounts: [{ accountSid: `AC${'0'.repeat(32)}`, authToken: 'obviously-fake-auth-token' }],
  }).start();
  const port = await freePort();
  const app = await NestFactory.create(AppModule.forSimulator(simulator.url, port), {
    rawBody: true,
    logger: ['error', 'warn'],
  });
  try {
    await app.listen(port, '127.0.0.1');
    await app.get(TwilioWhatsappSender, { strict: false }).send({
      notification: { title: 'Hello' },
      sendTo: { recipients: [{ identifier: 'chef', phoneNumber: '+447700900123' }] },
    });
    const listener = app.get(DeliveryListener);
    await listener.seen();
    return listener.types;
  } finally {
    await app.close();
    await simulator.stop();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
