import { InFlight } from './in-flight.js';

describe('InFlight', () => {
  it('refuses at once what is past the bound, and takes it when there is room', async () => {
    const inFlight = new InFlight(1);
    let finish = () => {};
    const first = inFlight.run(() => new Promise<void>((resolve) => (finish = resolve)));
    await expect(inFlight.run(() => Promise.resolve())).rejects.toMatchObject({ reason: 'TOO_MANY_CALLS', retryAfterMs: 100 });
    finish();
    await first;
    await expect(inFlight.run(() => Promise.resolve('done'))).resolves.toBe('done');
    expect(inFlight.size).toBe(0);
  });

  it('gives the place back where the work fails', async () => {
    const inFlight = new InFlight(1);
    await expect(inFlight.run(() => Promise.reject(new Error('x')))).rejects.toThrow('x');
    expect(inFlight.size).toBe(0);
  });
});
