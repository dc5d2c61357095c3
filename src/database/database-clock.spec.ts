import fc from 'fast-check';
import { originOf } from './database-clock.js';

const ms = (max: number) => fc.double({ min: 0, max, noNaN: true, noDefaultInfinity: true });

describe('the clock of the database', () => {
  it('is known to within the time of the look', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -3_600_000, max: 3_600_000 }),
        ms(1e6),
        ms(500),
        ms(500),
        (skew, asked, there, back) => {
          const truth = 1.7e12 + skew;
          const said = Math.floor(truth + asked + there);
          const found = originOf(1.7e12, said, asked, asked + there + back);
          expect(Math.abs(found - truth)).toBeLessThanOrEqual(there + back + 1.01);
        },
      ),
    );
  });

  it('does not jump about with the time that the look takes', () => {
    expect(originOf(1000, 1150, 100, 200)).toBe(1000);
    expect(originOf(1000, 1400, 100, 200)).toBe(1250.5);
  });
});
