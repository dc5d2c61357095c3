import { Controller, Module, Post, type Type } from '@nestjs/common';
import { AbstractHttpAdapter, NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import request from 'supertest';
import { useWhatsappBodyParsers } from './body-parsers.js';

@Controller()
class HostController {
  @Post()
  post(): string {
    return 'host';
  }
}

@Module({ controllers: [HostController] })
class HostModule {}

describe('useWhatsappBodyParsers', () => {
  it.each<[string, Type<AbstractHttpAdapter>]>([
    ['Express', ExpressAdapter],
    ['Fastify', FastifyAdapter],
  ])('leaves an application without the module running on %s', async (_, Adapter) => {
    // With `abortOnError`, its default, `NestFactory` ends the process on an error in a method of the application.
    const app = await NestFactory.create(HostModule, new Adapter(), {
      rawBody: true,
      logger: false,
    });
    useWhatsappBodyParsers(app);
    await app.listen(0, '127.0.0.1');

    await request(await app.getUrl())
      .post('/')
      .send({ a: 1 })
      .expect(201, 'host');
    await app.close();
  });
});
