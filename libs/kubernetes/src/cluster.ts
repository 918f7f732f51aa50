import { NotFound } from '@q2/errors';
import { type Connection, type ConnectionOptions, readConnection } from './connection.js';
import { type Kind, type ObjectKey, pathOf } from './kind.js';
import { linesOf, longestLine } from './lines.js';
import { open, send, unreachable } from './request.js';
import { ResourceWatch, type WatchOptions } from './resource-watch.js';
import type { AnyObject } from './wire.js';

/** Which objects of a kind. */
export interface Selection {
  /** All namespaces where absent. */
  readonly namespace?: string;
  /** `key=value,other!=value`, … */
  readonly labelSelector?: string;
  /** `metadata.name=x`, `involvedObject.name=x`, … */
  readonly fieldSelector?: string;
}

/** How an object is deleted. */
export interface Deletion {
  /** Whether what it owns goes first (Foreground: it is gone when all is), later (Background), or stays (Orphan). @default 'Background' */
  readonly propagation?: 'Foreground' | 'Background' | 'Orphan';
  /** Deletes this object only, not one of the same name that came after it. */
  readonly uid?: string | undefined;
}

/** Which log. */
export interface LogQuery {
  readonly namespace: string;
  readonly pod: string;
  readonly container?: string;
  /** Goes on until the container ends. @default false */
  readonly follow?: boolean;
  /** RFC 3339; only lines from this second on. */
  readonly sinceTime?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A line of a container's log. */
export interface LogLine {
  /** When the node read it: RFC 3339 with nanoseconds. */
  readonly at: string;
  readonly text: string;
}

const pageSize = 500;

/** A Kubernetes cluster by its API server. Every method throws what `failureOf` makes of a refusal. */
export class Cluster {
  constructor(private readonly connection: Connection) {}

  /** @throws {FailedPrecondition} KUBERNETES_NOT_CONFIGURED naming what is missing or wrong */
  static async connect(options: ConnectionOptions = {}): Promise<Cluster> {
    return new Cluster(await readConnection(options));
  }

  /** Address of the API server. */
  get server(): string {
    return this.connection.server;
  }

  /**
   * Makes an object be as the manifest says, of the fields that it names (server-side apply). Fields that the manager applied
   * before and names no more are removed.
   *
   * @throws {ApplyConflict} where another manager has applied other values, without `force`
   */
  async apply<T extends AnyObject>(
    kind: Kind<T>,
    manifest: T,
    { manager, force = false }: { manager: string; force?: boolean },
  ): Promise<T> {
    const path = pathOf(kind, keyOf(manifest));
    const body = { ...manifest, apiVersion: kind.apiVersion, kind: kind.kind };
    const query = { fieldManager: manager, force };
    return kind.read(await send(this.connection, { method: 'PATCH', path, query, body, contentType: 'application/apply-patch+yaml' }));
  }

  /** @throws {AlreadyExists} KUBERNETES_ALREADY_EXISTS */
  async create<T extends AnyObject>(kind: Kind<T>, manifest: T): Promise<T> {
    const { namespace } = keyOf(manifest);
    const path = pathOf(kind, namespace === undefined ? {} : { namespace });
    return kind.read(
      await send(this.connection, { method: 'POST', path, body: { ...manifest, apiVersion: kind.apiVersion, kind: kind.kind } }),
    );
  }

  /** Changes fields of an object by a merge patch, of its `status` too. */
  async patch<T extends AnyObject>(kind: Kind<T>, key: ObjectKey, patch: Partial<T>, subresource?: 'status'): Promise<T> {
    const path = pathOf(kind, key) + (subresource === undefined ? '' : `/${subresource}`);
    return kind.read(await send(this.connection, { method: 'PATCH', path, body: patch, contentType: 'application/merge-patch+json' }));
  }

  /** @throws {NotFound} KUBERNETES_NOT_FOUND */
  async get<T extends AnyObject>(kind: Kind<T>, key: ObjectKey): Promise<T> {
    return kind.read(await send(this.connection, { method: 'GET', path: pathOf(kind, key) }));
  }

  async find<T extends AnyObject>(kind: Kind<T>, key: ObjectKey): Promise<T | undefined> {
    try {
      return await this.get(kind, key);
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }

  /** All objects selected, at one moment. `resourceVersion` is that moment: a watch from there misses nothing. */
  async list<T extends AnyObject>(
    kind: Kind<T>,
    { namespace, ...selectors }: Selection,
    signal?: AbortSignal,
  ): Promise<{ items: T[]; resourceVersion: string }> {
    const path = pathOf(kind, namespace === undefined ? {} : { namespace });
    const items: T[] = [];
    let token: string | undefined;
    for (;;) {
      const query = { ...selectors, limit: pageSize, continue: token };
      const page: ListPage<T> = JSON.parse(await send(this.connection, { method: 'GET', path, query, signal }));
      items.push(...page.items);
      token = page.metadata.continue;
      if (token === undefined || token === '') return { items, resourceVersion: page.metadata.resourceVersion };
    }
  }

  /** Deletes an object. False where it is not there, or is another one than `uid` says. */
  async delete<T extends AnyObject>(kind: Kind<T>, key: ObjectKey, { propagation = 'Background', uid }: Deletion = {}): Promise<boolean> {
    const body = { propagationPolicy: propagation, ...(uid !== undefined && { preconditions: { uid } }) };
    try {
      await send(this.connection, { method: 'DELETE', path: pathOf(kind, key), body });
      return true;
    } catch (error) {
      if (error instanceof NotFound) return false;
      if (uid !== undefined && (await this.find(kind, key))?.metadata?.uid !== uid) return false;
      throw error;
    }
  }

  /** Follows the objects selected, from now on until it is stopped. */
  watch<T extends AnyObject>(kind: Kind<T>, selection: Selection, options: WatchOptions<T>): ResourceWatch<T> {
    const { namespace, ...selectors } = selection;
    const path = pathOf(kind, namespace === undefined ? {} : { namespace });
    return new ResourceWatch(options, {
      list: (signal) => this.list(kind, selection, signal),
      follow: (resourceVersion, signal) => {
        const query = { ...selectors, watch: true, allowWatchBookmarks: true, resourceVersion, timeoutSeconds: 240 };
        return open(this.connection, { method: 'GET', path, query, signal });
      },
    });
  }

  /**
   * Lines of a container's log, as they come. It ends with the container, with the log so far, or with `signal`.
   *
   * @throws {Unavailable} KUBERNETES_UNREACHABLE where the connection is cut in between
   */
  async *log({ namespace, pod, container, follow = false, sinceTime, signal }: LogQuery): AsyncIterable<LogLine> {
    const path = `${pathOf({ apiVersion: 'v1', plural: 'pods' }, { namespace, name: pod })}/log`;
    const answer = await open(this.connection, { method: 'GET', path, query: { container, follow, sinceTime, timestamps: true }, signal });
    try {
      for await (const line of linesOf(answer, longestLine)) yield logLine(line);
    } catch (error) {
      if (signal?.aborted === true) return;
      throw unreachable(this.connection, error);
    } finally {
      answer.destroy();
    }
  }
}

interface ListPage<T> {
  readonly items: T[];
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
}

function keyOf({ metadata }: AnyObject): ObjectKey {
  const { namespace, name = '' } = metadata ?? {};
  return { name, ...(namespace !== undefined && { namespace }) };
}

function logLine(line: string): LogLine {
  const end = line.indexOf(' ');
  return end < 0 ? { at: line, text: '' } : { at: line.slice(0, end), text: line.slice(end + 1) };
}
