import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedPostgresError, folderFailure } from './embedded-postgres-error.js';
import { logSize, passingFailure, readLog, rotateLog, startFailure } from './server-log.js';

const stamp = '2026-11-22 16:50:06.868 UTC [131]';
const failure = (log: string) => startFailure(log, '/data', '/data/postgres.log');

describe('startFailure', () => {
  it.each([
    ['POSTGRES_DISK_FULL', `${stamp} FATAL:  could not write lock file "postmaster.pid": No space left on device`],
    [
      'POSTGRES_VERSION_MISMATCH',
      `${stamp} FATAL:  database files are incompatible with server\n${stamp} DETAIL:  The data directory was initialized by PostgreSQL version 17, which is not compatible with this version 18.4.`,
    ],
    ['POSTGRES_FOLDER_REFUSED', `${stamp} FATAL:  could not open file "global/pg_control": Permission denied`],
    ['POSTGRES_DATA_DAMAGED', `${stamp} LOG:  invalid checkpoint record\n${stamp} PANIC:  could not locate a valid checkpoint record`],
    ['POSTGRES_DATA_DAMAGED', `${stamp} FATAL:  "/data/cluster/data" is not a valid data directory`],
    [
      'POSTGRES_DATA_DAMAGED',
      `${stamp} FATAL:  database files are incompatible with server\n${stamp} DETAIL:  PG_CONTROL_VERSION 0, but the server`,
    ],
    ['POSTGRES_START_FAILED', `${stamp} FATAL:  could not map anonymous shared memory: Cannot allocate memory`],
    ['POSTGRES_START_FAILED', ''],
  ])('finds %s', (reason, log) => {
    const error = failure(log);
    expect(error.reason).toBe(reason);
    expect(error.message).not.toContain('\n');
    expect(error.metadata).toEqual({ directory: '/data' });
  });

  it('quotes the line that decided, without its time', () => {
    expect(failure(`${stamp} LOG:  starting\n${stamp} FATAL:  no luck\n${stamp} LOG:  shut down`).message).toBe(
      'PostgreSQL did not start: no luck (its log is /data/postgres.log)',
    );
    expect(failure('creating…\ninitdb: error: odd\nremoving…').message).toContain('did not start: odd (');
    expect(failure('Segmentation fault\n\n').message).toContain('did not start: Segmentation fault (');
    expect(failure('').message).toContain('did not start: it wrote nothing (');
  });
});

describe('passingFailure', () => {
  it.each([
    [`FATAL:  could not create any TCP/IP sockets`, 'port-taken'],
    [`LOG:  could not bind IPv4 address "127.0.0.1": Address already in use`, 'port-taken'],
    [`FATAL:  lock file "postmaster.pid" already exists`, 'old-server-leaving'],
    [`FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use`, 'old-server-leaving'],
    [`PANIC:  could not locate a valid checkpoint record`, undefined],
  ])('%s: %p', (log, expected) => {
    expect(passingFailure(log)).toBe(expected);
  });
});

describe('folderFailure', () => {
  const failed = (code: string) => folderFailure(Object.assign(new Error(`${code}: open '/data/x'`), { code }), '/data');

  it.each(['ENOSPC', 'EDQUOT'])('says that the disk is full on %s', (code) => {
    expect(failed(code)).toMatchObject({
      reason: 'POSTGRES_DISK_FULL',
      message: expect.stringMatching(/^the disk that holds \/data is full/),
    });
  });

  it.each(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ENOENT', 'EEXIST'])('says that the folder cannot be written on %s', (code) => {
    expect(failed(code)).toMatchObject({ reason: 'POSTGRES_FOLDER_REFUSED', message: expect.stringContaining(`${code}: open`) });
  });

  it('leaves everything else as it was', () => {
    const known = new EmbeddedPostgresError('POSTGRES_START_FAILED', 'known', { directory: '/data' });
    expect(folderFailure(known, '/data')).toBe(known);
    expect(failed('EMFILE')).not.toBeInstanceOf(EmbeddedPostgresError);
    expect(folderFailure('text', '/data')).toBe('text');
  });
});

describe('the log', () => {
  it('is read from where this start began, and moved aside when it is long', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'q2-log-'));
    const path = join(folder, 'postgres.log');
    expect(await logSize(path)).toBe(0);
    expect(await readLog(path, 0)).toBe('');
    await writeFile(path, 'before\nnow\n');
    expect(await readLog(path, 7)).toBe('now\n');
    await rotateLog(path);
    expect(await readdir(folder)).toEqual(['postgres.log']);
    await writeFile(path, Buffer.alloc(10_000_001));
    await rotateLog(path);
    expect(await readdir(folder)).toEqual(['postgres.log.1']);
    await rm(folder, { recursive: true });
  });
});
