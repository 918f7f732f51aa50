import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, opendir, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { NotFound } from '@q2/errors';
import { ContentMeter } from './content-meter.js';
import { incomingFolder, isSha256, isTenant, objectFile, objectsFolder } from './object-address.js';
import type { ListedObject, ObjectStore, PutOptions, StoredObject } from './object-store.port.js';
import { storageError, systemCode } from './storage-error.js';
import { verifiedStream } from './verified-stream.js';

const readChunkBytes = 256 * 1024;

/**
 * Objects as files: `<root>/<tenant>/objects/<first byte>/<sha256>`. A content arrives in `<root>/<tenant>/incoming`, is
 * written through to the disk, and then moved in one step, so a file under `objects` is always complete.
 */
export class DiskObjectStore implements ObjectStore {
  constructor(private readonly root: string) {}

  async put(tenant: string, content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredObject> {
    const incoming = join(incomingFolder(this.root, tenant), randomUUID());
    await onDisk(() => ensureFolder(dirname(incoming)));
    try {
      const stored = await receive(incoming, content, new ContentMeter(options));
      await onDisk(() => moveIntoPlace(incoming, objectFile(this.root, tenant, stored.sha256)));
      return stored;
    } catch (error) {
      await rm(incoming, { force: true });
      throw error;
    }
  }

  async *get(tenant: string, object: StoredObject, offsetBytes = 0): AsyncGenerator<Uint8Array, void, undefined> {
    const file = objectFile(this.root, tenant, object.sha256);
    yield* verifiedStream(readFile(file), object, offsetBytes);
  }

  async exists(tenant: string, sha256: string): Promise<boolean> {
    const file = objectFile(this.root, tenant, sha256);
    return (await onDisk(() => unlessMissing(stat(file)))) !== undefined;
  }

  async delete(tenant: string, sha256: string): Promise<boolean> {
    const file = objectFile(this.root, tenant, sha256);
    return onDisk(async () => {
      const wasThere = (await unlessMissing(stat(file))) !== undefined;
      await rm(file, { force: true });
      return wasThere;
    });
  }

  async tenants(): Promise<string[]> {
    const entries = await onDisk(() => unlessMissing(readdir(this.root, { withFileTypes: true })));
    return (entries ?? []).filter((entry) => entry.isDirectory() && isTenant(entry.name)).map(({ name }) => name);
  }

  async *list(tenant: string): AsyncGenerator<ListedObject, void, undefined> {
    for await (const file of filesBelow(objectsFolder(this.root, tenant))) {
      const found = await onDisk(() => unlessMissing(stat(file)));
      if (found !== undefined && isSha256(basename(file))) {
        yield { sha256: basename(file), sizeBytes: found.size, storedAt: found.mtime };
      }
    }
  }

  async removeAbandoned(tenant: string, instant: Date): Promise<number> {
    let removed = 0;
    for await (const file of filesBelow(incomingFolder(this.root, tenant))) {
      const found = await onDisk(() => unlessMissing(stat(file)));
      if (found === undefined || found.mtime >= instant) continue;
      await onDisk(() => rm(file, { force: true }));
      removed += 1;
    }
    return removed;
  }
}

/** Writes a content to a new file, through to the disk. Errors of the content itself are passed on as they are. */
async function receive(file: string, content: AsyncIterable<Uint8Array>, meter: ContentMeter): Promise<StoredObject> {
  const handle = await onDisk(() => open(file, 'wx', 0o600));
  try {
    for await (const chunk of content) {
      meter.add(chunk);
      await onDisk(() => handle.appendFile(chunk));
    }
    const stored = meter.finish();
    await onDisk(() => handle.sync());
    return stored;
  } finally {
    await handle.close();
  }
}

/** Renames, and makes the renaming itself durable by syncing the folder. Replaces an older file of the same content. */
async function moveIntoPlace(from: string, to: string): Promise<void> {
  await ensureFolder(dirname(to));
  await rename(from, to);
  await syncFolder(dirname(to));
}

/** Makes a folder and those above it, durably: a folder lost in a crash would take its files along. */
async function ensureFolder(folder: string): Promise<void> {
  const firstMade = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (firstMade === undefined) return;
  for (let made = folder; made.length >= firstMade.length; made = dirname(made)) await syncFolder(dirname(made));
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Reads a file in chunks. Never follows a link: what lies behind one is not an object. */
async function* readFile(file: string): AsyncGenerator<Uint8Array, void, undefined> {
  const handle = await onDisk(() => openToRead(file));
  try {
    for (;;) {
      const chunk = Buffer.allocUnsafe(readChunkBytes);
      const { bytesRead } = await onDisk(() => handle.read(chunk, 0, readChunkBytes));
      if (bytesRead === 0) return;
      yield chunk.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

async function openToRead(file: string): Promise<FileHandle> {
  const handle = await unlessMissing(open(file, constants.O_RDONLY | constants.O_NOFOLLOW));
  if (handle === undefined) throw new NotFound('OBJECT_NOT_FOUND', `object ${basename(file)} does not exist`, { sha256: basename(file) });
  return handle;
}

async function* filesBelow(folder: string): AsyncGenerator<string, void, undefined> {
  const entries = await onDisk(() => unlessMissing(opendir(folder, { recursive: true })));
  if (entries === undefined) return;
  for await (const entry of entries) if (entry.isFile()) yield join(entry.parentPath, entry.name);
}

async function onDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storageError(error);
  }
}

async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
