import type { Logger } from '@q2/service-kit';
import { RepeatedWork } from './repeated-work.js';

function recordingLogger() {
  const lines: string[] = [];
  const ignore = () => undefined;
  const logger: Logger = {
    debug: ignore,
    info: ignore,
    error: ignore,
    warn: (_, message) => lines.push(message),
    child: () => logger,
    flush: ignore,
  };
  return { logger, lines };
}

const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
};

describe('RepeatedWork', () => {
  it('goes on after a step that failed, and says so', async () => {
    const { logger, lines } = recordingLogger();
    let steps = 0;
    const work = new RepeatedWork({
      name: 'counting',
      logger,
      step: () => {
        steps += 1;
        return steps === 1 ? Promise.reject(new Error('once')) : Promise.resolve(60_000);
      },
    });
    work.start();
    await until(() => lines.length === 1);
    work.wake();
    await until(() => steps === 2);
    await work.stop();
    expect(lines).toEqual(['counting failed and will be tried again']);
  });

  it('does not rest while there is more to do, and rests until woken otherwise', async () => {
    let steps = 0;
    const work = new RepeatedWork({
      name: 'counting',
      logger: recordingLogger().logger,
      step: () => Promise.resolve(++steps < 3 ? 0 : 60_000),
    });
    work.start();
    work.start();
    await until(() => steps === 3);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(steps).toBe(3);
    work.wake();
    await until(() => steps === 4);
    await work.stop();
    expect(steps).toBe(4);
  });

  it('rests no longer than it was told', async () => {
    let steps = 0;
    const work = new RepeatedWork({
      name: 'counting',
      logger: recordingLogger().logger,
      step: () => Promise.resolve(++steps < 3 ? 1 : 60_000),
    });
    work.start();
    await until(() => steps === 3);
    await work.stop();
    expect(steps).toBe(3);
  });
});
