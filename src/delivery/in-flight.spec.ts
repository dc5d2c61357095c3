import { DeliveryOptions, type TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { InFlight } from './in-flight.js';

const ACCOUNT = `AC${'a'.repeat(32)}`;

describe('requests in flight', () => {
  const start = (maxInFlight = 256) =>
    new InFlight({
      delivery: Object.assign(new DeliveryOptions(), { maxInFlight }),
    } as TwilioWhatsappOptions);
  const fill = (inFlight: InFlight) => {
    while (inFlight.room(ACCOUNT, 'one') > 0) inFlight.begin(ACCOUNT, 'one');
  };

  it('begin with 64, or what the options allow', () => {
    expect(start().limit(ACCOUNT)).toBe(64);
    expect(start(8).limit(ACCOUNT)).toBe(8);
  });

  it('leave room for a sender that has none under way', () => {
    const inFlight = start();
    fill(inFlight);
    expect(inFlight.room(ACCOUNT, 'another')).toBe(1);
    inFlight.begin(ACCOUNT, 'another');
    expect(inFlight.room(ACCOUNT, 'another')).toBe(0);
    expect(inFlight.room(`AC${'b'.repeat(32)}`, 'one')).toBe(60);
  });

  it('double once a second while they are used up and none is refused', () => {
    const inFlight = start();
    inFlight.passed(ACCOUNT, 1000);
    expect(inFlight.limit(ACCOUNT)).toBe(64);
    const limits = [2000, 2500, 3000, 9000].map((at) => {
      fill(inFlight);
      inFlight.passed(ACCOUNT, at);
      return inFlight.limit(ACCOUNT);
    });
    expect(limits).toEqual([128, 128, 256, 256]);
  });

  it('are halved once for all that are refused together, then grow by one a second', () => {
    const inFlight = start();
    fill(inFlight);
    inFlight.refused(ACCOUNT, 5000);
    inFlight.refused(ACCOUNT, 5100);
    expect(inFlight.limit(ACCOUNT)).toBe(32);
    inFlight.passed(ACCOUNT, 5900);
    expect(inFlight.limit(ACCOUNT)).toBe(32);
    inFlight.passed(ACCOUNT, 6000);
    inFlight.passed(ACCOUNT, 6900);
    inFlight.passed(ACCOUNT, 7000);
    expect(inFlight.limit(ACCOUNT)).toBe(34);
  });

  it('never fall below one', () => {
    const inFlight = start(2);
    for (let at = 1000; at < 10_000; at += 1000) inFlight.refused(ACCOUNT, at);
    expect(inFlight.limit(ACCOUNT)).toBe(1);
  });
});
