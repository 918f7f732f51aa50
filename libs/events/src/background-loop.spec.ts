import { BackgroundLoop } from './background-loop.js';
import type { EventLog } from './event-log.js';
import { WakeSignal } from './wake-signal.js';

function quietLog(warnings: string[]): EventLog {
  return { info: () => undefined, error: () => undefined, warn: (_, message) => void warnings.push(message) };
}

/** Runs until the step has been called `calls` times. */
async function stepsOf(calls: number, step: (call: number) => Promise<number>, warnings: string[] = []): Promise<BackgroundLoop> {
  let call = 0;
  return new Promise((resolve) => {
    const loop = new BackgroundLoop({
      name: 'test loop',
      log: quietLog(warnings),
      step: () => {
        call += 1;
        if (call === calls) resolve(loop);
        return step(call);
      },
    });
    loop.start();
    loop.start();
  });
}

describe('BackgroundLoop', () => {
  it('goes on at once while there is more to do', async () => {
    const loop = await stepsOf(5, (call) => Promise.resolve(call < 5 ? 0 : 60_000));
    await loop.stop();
  });

  it('sleeps no longer than its step says', async () => {
    const began = performance.now();
    const loop = await stepsOf(3, () => Promise.resolve(20));
    expect(performance.now() - began).toBeGreaterThanOrEqual(35);
    await loop.stop();
  });

  it('survives a step that fails, waits longer each time, and says so', async () => {
    const warnings: string[] = [];
    const began = performance.now();
    const loop = await stepsOf(3, (call) => (call < 3 ? Promise.reject(new Error('no database')) : Promise.resolve(60_000)), warnings);
    expect(performance.now() - began).toBeGreaterThanOrEqual(50 + 100 - 5);
    expect(warnings).toEqual(['test loop failed and will try again', 'test loop failed and will try again']);
    await loop.stop();
  });

  it('ends after the step in hand', async () => {
    let isDone = false;
    const loop = await stepsOf(1, async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      isDone = true;
      return 60_000;
    });
    await loop.stop();
    expect(isDone).toBe(true);
  });
});

describe('WakeSignal', () => {
  it('ends a sleep', async () => {
    const signal = new WakeSignal();
    const sleeping = signal.sleep(60_000);
    signal.wake();
    await sleeping;
  });

  it('remembers a wake that came while nobody slept, once', async () => {
    const signal = new WakeSignal();
    signal.wake();
    await signal.sleep(60_000);
    const began = performance.now();
    await signal.sleep(30);
    expect(performance.now() - began).toBeGreaterThanOrEqual(25);
  });
});
