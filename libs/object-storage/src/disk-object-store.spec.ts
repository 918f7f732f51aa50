import { createHash } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, open, readdir, rm, symlink, truncate, utimes, writeFile, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { FailedPrecondition, InvalidArgument, NotFound, OutOfRange, ResourceExhausted, Unavailable } from '@q2/errors';
import { DiskObjectStore } from './disk-object-store.js';
import { verifyObject, type StoredObject } from './object-store.port.js';

const limit = { maxBytes: 10_000_000 };
const large = Buffer.alloc(1_000_000, 'digits and models ');

async function* content(...chunks: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

async function text(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const read: Uint8Array[] = [];
  for await (const chunk of chunks) read.push(chunk);
  return Buffer.concat(read).toString();
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('DiskObjectStore', () => {
  let root: string;
  let store: DiskObjectStore;
  const put = (...chunks: (string | Uint8Array)[]) => store.put('acme', content(...chunks), limit);
  const fileOf = ({ sha256 }: StoredObject) => join(root, 'acme', 'objects', sha256.slice(0, 2), sha256);
  const incoming = () => readdir(join(root, 'acme', 'incoming'));

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'q2-objects-'));
    store = new DiskObjectStore(root);
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await rm(root, { recursive: true, force: true });
  });

  it('gives back what was put', async () => {
    const stored = await put('hello, ', 'world');
    expect(stored).toEqual({ sha256: createHash('sha256').update('hello, world').digest('hex'), sizeBytes: 12 });
    await expect(text(store.get('acme', stored))).resolves.toBe('hello, world');
  });

  it('stores an empty content', async () => {
    await expect(text(store.get('acme', await put()))).resolves.toBe('');
  });

  it('stores equal contents once', async () => {
    const [one, other] = await Promise.all([put('same'), put('sa', 'me')]);
    expect(other).toEqual(one);
    await expect(all(store.list('acme'))).resolves.toHaveLength(1);
  });

  it('resumes at an offset', async () => {
    const stored = await put(large);
    const rest = await text(store.get('acme', stored, 600_001));
    expect(rest).toBe(large.subarray(600_001).toString());
    await expect(text(store.get('acme', stored, large.byteLength))).resolves.toBe('');
    await expect(text(store.get('acme', stored, large.byteLength + 1))).rejects.toBeInstanceOf(OutOfRange);
  });

  it('keeps tenants apart', async () => {
    const stored = await put('secret');
    await expect(store.exists('beta', stored.sha256)).resolves.toBe(false);
    await expect(text(store.get('beta', stored))).rejects.toBeInstanceOf(NotFound);
    await expect(store.delete('beta', stored.sha256)).resolves.toBe(false);
    await expect(all(store.list('beta'))).resolves.toEqual([]);
    await expect(store.exists('acme', stored.sha256)).resolves.toBe(true);
  });

  it('refuses a tenant that is a path', async () => {
    await expect(store.put('../acme', content('x'), limit)).rejects.toBeInstanceOf(InvalidArgument);
    expect(await readdir(root)).toEqual([]);
  });

  it('leaves nothing behind where the content is too large', async () => {
    await expect(store.put('acme', content('abc', 'def'), { maxBytes: 5 })).rejects.toBeInstanceOf(ResourceExhausted);
    expect(await incoming()).toEqual([]);
    await expect(all(store.list('acme'))).resolves.toEqual([]);
  });

  it('leaves nothing behind where the content is not as announced', async () => {
    const announced = { ...limit, expectedSha256: 'ab'.repeat(32) };
    await expect(store.put('acme', content('abc'), announced)).rejects.toBeInstanceOf(InvalidArgument);
    expect(await incoming()).toEqual([]);
  });

  it('leaves nothing behind where the content breaks off, and passes its error on', async () => {
    const brokenOff = new Error('connection lost');
    async function* breaking(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('abc');
      throw brokenOff;
    }
    await expect(store.put('acme', breaking(), limit)).rejects.toBe(brokenOff);
    expect(await incoming()).toEqual([]);
  });

  it('says that the disk is full, and leaves nothing behind', async () => {
    const handle = await open(join(root, 'probe'), 'w');
    const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    const everyHandle: FileHandle = Object.getPrototypeOf(handle);
    jest.spyOn(everyHandle, 'appendFile').mockRejectedValue(full);
    await handle.close();
    await expect(put('abc')).rejects.toMatchObject({ reason: 'STORAGE_FULL' });
    expect(await incoming()).toEqual([]);
  });

  it('says that the storage fails where its folder is a file', async () => {
    await writeFile(join(root, 'acme'), '');
    await expect(put('abc')).rejects.toBeInstanceOf(Unavailable);
    await expect(text(store.get('acme', { sha256: 'ab'.repeat(32), sizeBytes: 1 }))).rejects.toBeInstanceOf(Unavailable);
  });

  it('never serves a truncated file to its end', async () => {
    const stored = await put(large);
    await truncate(fileOf(stored), 999_999);
    await expect(text(store.get('acme', stored))).rejects.toBeInstanceOf(FailedPrecondition);
    await expect(verifyObject(store, 'acme', stored)).rejects.toMatchObject({ reason: 'OBJECT_ALTERED' });
  });

  it('never serves an altered file to its end, not even its unaltered part', async () => {
    const stored = await put(large);
    const handle = await open(fileOf(stored), 'r+');
    await handle.write('X', 10);
    await handle.close();
    await expect(text(store.get('acme', stored, 900_000))).rejects.toBeInstanceOf(FailedPrecondition);
  });

  it('repairs an altered object where its content is put again', async () => {
    const stored = await put('abc');
    await appendFile(fileOf(stored), 'd');
    await put('abc');
    await expect(verifyObject(store, 'acme', stored)).resolves.toBeUndefined();
  });

  it('does not follow a link', async () => {
    const stored = await put('abc');
    const other = await store.put('beta', content('abc'), limit);
    await rm(fileOf(stored));
    await symlink(join(root, 'beta', 'objects', other.sha256.slice(0, 2), other.sha256), fileOf(stored));
    await expect(text(store.get('acme', stored))).rejects.toMatchObject({ reason: 'STORAGE_FAILING' });
  });

  it('deletes', async () => {
    const stored = await put('abc');
    await expect(store.delete('acme', stored.sha256)).resolves.toBe(true);
    await expect(store.delete('acme', stored.sha256)).resolves.toBe(false);
    await expect(text(store.get('acme', stored))).rejects.toBeInstanceOf(NotFound);
  });

  it('lists objects, and no other file', async () => {
    const stored = await put('abc');
    await writeFile(join(root, 'acme', 'objects', 'notes.txt'), 'x');
    const [listed, ...others] = await all(store.list('acme'));
    expect(others).toEqual([]);
    expect(listed).toMatchObject(stored);
    expect(Math.abs(Date.now() - (listed?.storedAt.getTime() ?? 0))).toBeLessThan(60_000);
  });

  it('lists the tenants that have stored anything', async () => {
    await expect(new DiskObjectStore(join(root, 'missing')).tenants()).resolves.toEqual([]);
    await put('abc');
    await mkdir(join(root, 'lost+found'));
    await expect(store.tenants()).resolves.toEqual(['acme']);
  });

  it('removes only what stopped arriving long ago', async () => {
    await mkdir(join(root, 'acme', 'incoming'), { recursive: true });
    await writeFile(join(root, 'acme', 'incoming', 'old'), 'x');
    await utimes(join(root, 'acme', 'incoming', 'old'), 1, 1);
    await writeFile(join(root, 'acme', 'incoming', 'new'), 'x');
    await expect(store.removeAbandoned('acme', new Date(1_000_000))).resolves.toBe(1);
    expect(await incoming()).toEqual(['new']);
  });
});
