import { Controller, Get, Module, VersioningType, type VersioningOptions } from '@nestjs/common';
import { PLATFORMS, startApplication, type TestApplication } from '../support/application.js';

const VERSIONING: [string, VersioningOptions][] = [
  ['URI', { type: VersioningType.URI, defaultVersion: '1' }],
  ['URI, several at once', { type: VersioningType.URI, defaultVersion: ['1', '2'] }],
  ['header', { type: VersioningType.HEADER, header: 'X-Version', defaultVersion: '1' }],
  ['media-type', { type: VersioningType.MEDIA_TYPE, key: 'v=', defaultVersion: '1' }],
  [
    'custom',
    {
      type: VersioningType.CUSTOM,
      extractor: (request) =>
        (request as { headers: Record<string, string | undefined> }).headers['x-version'] ?? '',
      defaultVersion: '1',
    },
  ],
];

@Controller('host')
class HostController {
  @Get()
  get(): string {
    return 'of the host';
  }
}

@Module({ controllers: [HostController] })
class HostModule {}

describe.each(PLATFORMS)('a host with versions on %s', (platform) => {
  describe.each(VERSIONING)('by %s', (_kind, versioning) => {
    let t: TestApplication;

    beforeAll(async () => {
      t = await startApplication({
        platform,
        imports: [HostModule],
        configure: (app) => app.enableVersioning(versioning),
      });
    });
    afterAll(() => t.stop());

    it('leaves the API and the callbacks where they are', async () => {
      const { body } = await t
        .api()
        .post('/v3/notifications')
        .send({
          notification: { title: 'Hello' },
          sendTo: { recipients: [{ identifier: 'ada', phoneNumber: '+447700900100' }] },
        })
        .expect(202);
      await t.settled(body.requestId, 'ada', 'seen');
      const answers = t.simulator.callbacks.map(({ httpStatus }) => httpStatus);
      expect(answers).toEqual([204, 204, 204]);
    });

    it.each(['users', 'providers', 'provider-instances', 'messages'])(
      'leaves %s where they are, whichever version is asked for',
      async (path) => {
        await t.api().get(`/v3/${path}`).expect(200);
        await t.api().get(`/v3/${path}`).set('X-Version', '9').expect(200);
        await t.api().get(`/v3/${path}`).set('Accept', 'application/json;v=9').expect(200);
      },
    );

    it('still gates the bodies of its own routes by their headers', async () => {
      await t
        .api()
        .post('/v3/notifications')
        .set('X-ENGAGESPOT-API-SECRET', 'wrong')
        .set('Content-Type', 'application/json')
        .send('{"half')
        .expect(401);
    });

    it('leaves the versions of the host’s own routes to the host', async () => {
      const { status } = await t
        .api()
        .get(versioning.type === VersioningType.URI ? '/v1/host' : '/host')
        .set({ 'X-Version': '1', Accept: 'application/json;v=1' });
      expect(status).toBe(200);
    });
  });
});
