import { BackgroundLoop } from './background-loop.js';

describe('BackgroundLoop', () => {
  it('ends with what is under way', async () => {
    let finish: (() => void) | undefined;
    let isDone = false;
    const loop = new BackgroundLoop(() => undefined);
    loop.start(async () => {
      await new Promise<void>((resolve) => (finish = resolve));
      isDone = true;
    }, 60_000);
    loop.stop();
    const ended = loop.ended(60_000);
    finish!();
    await ended;
    expect(isDone).toBe(true);
  });

  it('is not waited for beyond the deadline, which counts from the stop', async () => {
    const loop = new BackgroundLoop(() => undefined);
    loop.start(() => new Promise(() => undefined), 0);
    const begun = performance.now();
    loop.stop();
    await loop.ended(100);
    await loop.ended(100);
    expect(performance.now() - begun).toBeGreaterThan(95);
    expect(performance.now() - begun).toBeLessThan(190);
  });
});
