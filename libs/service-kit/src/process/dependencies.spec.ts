import { ResourceExhausted, Unauthenticated, Unavailable } from '@q2/errors';
import { Dependencies, StartAborted } from './dependencies.js';
import type { Logger } from './logger.js';

function recorder(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const logger: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: (_, message) => void lines.push(message),
    error: () => undefined,
    child: () => logger,
    flush: () => Promise.resolve(),
  };
  return { logger, lines };
}

const refused = () => Promise.reject(new Unavailable('DATABASE_UNAVAILABLE', 'connect ECONNREFUSED 127.0.0.1:1'));

describe('Dependencies', () => {
  it('waits for what is away, and says so when the wait begins, changes and ends', async () => {
    const { logger, lines } = recorder();
    const dependencies = new Dependencies(logger, new AbortController().signal);
    const seen: (string | undefined)[] = [];
    let attempts = 0;
    const result = await dependencies.obtain('PostgreSQL at db:1', () => {
      seen.push(dependencies.waitingFor);
      attempts += 1;
      if (attempts <= 2) return refused();
      if (attempts === 4) return Promise.reject(new ResourceExhausted('DATABASE_POOL_EXHAUSTED', 'all connections are in use'));
      if (attempts === 3) return Promise.reject(new Unavailable('DATABASE_UNAVAILABLE', 'the database system is starting up'));
      return Promise.resolve(7);
    });
    expect(result).toBe(7);
    expect(seen[1]).toBe('PostgreSQL at db:1: connection refused');
    expect(dependencies.waitingFor).toBeUndefined();
    expect(lines).toEqual([
      'waiting for PostgreSQL at db:1: connection refused',
      'waiting for PostgreSQL at db:1: the database system is starting up',
      'waiting for PostgreSQL at db:1: all connections are in use',
      'no longer waiting for PostgreSQL at db:1',
    ]);
  });

  it('fails at once where waiting cannot help', async () => {
    const { logger, lines } = recorder();
    const dependencies = new Dependencies(logger, new AbortController().signal);
    const wrong = new Unauthenticated('WRONG', 'wrong password');
    await expect(dependencies.obtain('it', () => Promise.reject(wrong))).rejects.toBe(wrong);
    const taken = new Unavailable('PORT_IN_USE', 'taken');
    await expect(dependencies.obtain('it', () => Promise.reject(taken))).rejects.toBe(taken);
    expect([dependencies.waitingFor, lines]).toEqual([undefined, []]);
  });

  it('waits for nothing where it was given no patience', async () => {
    await expect(new Dependencies(recorder().logger, undefined).obtain('it', refused)).rejects.toThrow('ECONNREFUSED');
  });

  it('gives up at once when told to stop, also in the middle of an attempt', async () => {
    const abort = new AbortController();
    const dependencies = new Dependencies(recorder().logger, abort.signal);
    const pausing = dependencies.obtain('it', refused);
    const hanging = dependencies.obtain('other', () => new Promise(() => undefined));
    abort.abort();
    await expect(pausing).rejects.toBeInstanceOf(StartAborted);
    await expect(hanging).rejects.toBeInstanceOf(StartAborted);
    await expect(dependencies.obtain('late', refused)).rejects.toBeInstanceOf(StartAborted);
  });
});
