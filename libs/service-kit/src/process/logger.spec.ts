import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from './logger.js';

let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'q2-log-'))));
afterAll(() => rm(folder, { recursive: true }));

describe('createLogger', () => {
  it('has written what was logged once it is flushed, also right after it was made', async () => {
    const file = join(folder, 'new', 'q2.log');
    const logger = createLogger({ level: 'info', file });
    logger.child({ service: 'test' }).warn({ token: 'secret text', count: 2 }, 'something');
    logger.debug({}, 'too small to keep');
    await logger.flush();
    const [line, ...rest] = (await readFile(file, 'utf8')).trim().split('\n');
    expect(rest).toEqual([]);
    expect(JSON.parse(line ?? '')).toMatchObject({ service: 'test', token: '[Redacted]', count: 2, msg: 'something' });
  });

  it('gives up what cannot be written, and goes on', async () => {
    const logger = createLogger({ level: 'info', file: '/dev/full' });
    logger.info({}, 'lost');
    await logger.flush();
    logger.info({}, 'lost as well');
    await expect(logger.flush()).resolves.toBeUndefined();
  });

  it('says at once where its file cannot be', () => {
    const file = join(folder, 'new', 'q2.log', 'below', 'a-file.log');
    expect(() => createLogger({ level: 'info', file })).toThrow('ENOTDIR');
  });
});
