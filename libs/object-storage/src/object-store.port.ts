/** What identifies a stored object: its content. */
export interface StoredObject {
  /** SHA-256 of the content, 64 lowercase hexadecimal digits. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** What a put demands of the content. */
export interface PutOptions {
  /** The most that is taken; a longer content is refused as soon as it is seen to be longer. */
  readonly maxBytes: number;
  /** SHA-256 that the content must have. */
  readonly expectedSha256?: string;
  /** Size that the content must have. */
  readonly expectedBytes?: number;
}

/** An object as a listing finds it. */
export interface ListedObject extends StoredObject {
  /** When its content was last put. */
  readonly storedAt: Date;
}

/**
 * Content-addressed storage of immutable objects, apart for each tenant: equal contents of one tenant are stored once,
 * and no tenant can name another's. Memory use does not depend on the size of an object.
 */
export interface ObjectStore {
  /**
   * Stores a content. It is either there as a whole afterwards, and survives a crash, or not at all. Putting it again
   * changes nothing, except that it repairs an object that was altered.
   *
   * @throws {InvalidArgument} where size or SHA-256 are not as expected
   * @throws {ResourceExhausted} OBJECT_TOO_LARGE or STORAGE_FULL
   * @throws {Unavailable} STORAGE_FAILING or STORAGE_NOT_WRITABLE
   */
  put(tenant: string, content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredObject>;

  /**
   * Reads an object, from `offsetBytes` where given. The content is verified while it is read: one that is not as it was
   * put ends in an error before its last chunk, so what was read to the end is right.
   *
   * @throws {NotFound} OBJECT_NOT_FOUND
   * @throws {OutOfRange} OFFSET_PAST_END
   * @throws {FailedPrecondition} OBJECT_ALTERED
   */
  get(tenant: string, object: StoredObject, offsetBytes?: number): AsyncIterable<Uint8Array>;

  /** Whether an object of that content is there; does not read it. */
  exists(tenant: string, sha256: string): Promise<boolean>;

  /** Deletes an object; false where there was none. */
  delete(tenant: string, sha256: string): Promise<boolean>;

  /** The tenants that have stored anything. */
  tenants(): Promise<string[]>;

  /** Every object of a tenant, in no particular order. */
  list(tenant: string): AsyncIterable<ListedObject>;

  /**
   * Removes contents that stopped arriving before `instant`, as after a crash, and says how many. Choose an instant longer
   * ago than any pause of an upload.
   */
  removeAbandoned(tenant: string, instant: Date): Promise<number>;
}

/**
 * Reads an object to its end without keeping it.
 *
 * @throws what {@link ObjectStore.get} throws
 */
export async function verifyObject(store: ObjectStore, tenant: string, object: StoredObject): Promise<void> {
  const chunks = store.get(tenant, object)[Symbol.asyncIterator]();
  while ((await chunks.next()).done !== true);
}
