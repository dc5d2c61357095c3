import { Logger } from '@nestjs/common';
import { jest } from '@jest/globals';
import { CredentialsBreaker } from './breaker.js';

describe('the credentials breaker', () => {
  let now = 0;
  beforeEach(() => {
    Logger.overrideLogger(false);
    jest.spyOn(performance, 'now').mockImplementation(() => now);
  });
  afterEach(() => jest.restoreAllMocks());

  it('pauses twice as long each time that the credentials are refused again, up to five minutes', () => {
    const breaker = new CredentialsBreaker();
    const pauses = Array.from({ length: 6 }, () => {
      const ms = breaker.refused('instance', 'secret');
      expect(breaker.holdsBack('instance', 'secret')).toBe(true);
      now += ms;
      expect(breaker.holdsBack('instance', 'secret')).toBe(false);
      return ms / 1000;
    });
    expect(pauses).toEqual([30, 60, 120, 240, 300, 300]);
  });

  it('begins again with other credentials, and after some that were taken', () => {
    const breaker = new CredentialsBreaker();
    now += breaker.refused('instance', 'secret');
    expect(breaker.refused('instance', 'secret')).toBe(60_000);
    expect(breaker.refused('instance', 'another secret')).toBe(30_000);
    breaker.passed('instance');
    expect(breaker.refused('instance', 'another secret')).toBe(30_000);
  });

  it('takes refusals during a pause for the same one', () => {
    const breaker = new CredentialsBreaker();
    breaker.refused('instance', 'secret');
    now += 10_000;
    expect(breaker.refused('instance', 'secret')).toBe(20_000);
  });
});
