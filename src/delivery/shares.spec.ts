import { DeliveryOptions, type TwilioWhatsappOptions } from '../twilio-whatsapp.options.js';
import { InFlight } from './in-flight.js';
import { Shares } from './shares.js';

const ONE = `AC${'a'.repeat(32)}`;
const OTHER = `AC${'b'.repeat(32)}`;

describe('the shares of the queues', () => {
  /** Of the 64 requests that an account begins with, four are kept for senders that have none under way. */
  const inFlight = () =>
    new InFlight({ delivery: new DeliveryOptions() } as unknown as TwilioWhatsappOptions);
  const queues = (...accounts: string[]) =>
    accounts.map((accountSid, index) => ({ accountSid, sender: `sender-${index}` }));
  const takeAll = (given: ReturnType<typeof queues>, wanted: readonly number[]) => {
    const shares = new Shares(given, inFlight());
    return given.map((queue, index) => {
      const taken = Math.min(shares.of(queue), wanted[index]);
      shares.take(queue, taken);
      return taken;
    });
  };

  it('are equal parts of what the account may begin', () => {
    expect(takeAll(queues(ONE, ONE, ONE), [1000, 1000, 1000])).toEqual([20, 20, 20]);
  });

  it('grow by what those before have left', () => {
    expect(takeAll(queues(ONE, ONE, ONE), [2, 1000, 1000])).toEqual([2, 29, 29]);
  });

  it('are those of each account', () => {
    expect(takeAll(queues(ONE, OTHER, ONE), [1000, 1000, 1000])).toEqual([30, 60, 30]);
  });

  it('do not limit messages without an address', () => {
    expect(takeAll(queues('', ONE), [1000, 1000])).toEqual([500, 60]);
  });
});
