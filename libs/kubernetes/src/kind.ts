import type { CoreV1Event, V1Job, V1Namespace, V1Pod } from '@kubernetes/client-node';
import type { AnyObject, Wire } from './wire.js';

/** A kind of object: where the API server serves it, and its type. */
export interface Kind<T extends AnyObject> {
  /** `v1`, `batch/v1`, … */
  readonly apiVersion: string;
  readonly kind: string;
  /** As in paths, such as `jobs`. */
  readonly plural: string;
  /** Reads an object that the API server sent. */
  readonly read: (json: string) => T;
}

/** Tells a kind. The type is the API server's word: its schema is what guarantees it. */
export function kindOf<T extends AnyObject>(names: Omit<Kind<T>, 'read'>): Kind<T> {
  return { ...names, read: (json): T => JSON.parse(json) };
}

export type Job = Wire<V1Job>;
export type Pod = Wire<V1Pod>;
export type Namespace = Wire<V1Namespace>;
export type ClusterEvent = Wire<CoreV1Event>;

export const jobs = kindOf<Job>({ apiVersion: 'batch/v1', kind: 'Job', plural: 'jobs' });
export const pods = kindOf<Pod>({ apiVersion: 'v1', kind: 'Pod', plural: 'pods' });
export const namespaces = kindOf<Namespace>({ apiVersion: 'v1', kind: 'Namespace', plural: 'namespaces' });
export const clusterEvents = kindOf<ClusterEvent>({ apiVersion: 'v1', kind: 'Event', plural: 'events' });

/** Which object. Without a namespace, one of a kind that has none. */
export interface ObjectKey {
  readonly namespace?: string;
  readonly name: string;
}

/** Path of a collection, or of an object in it. */
export function pathOf(kind: Pick<Kind<AnyObject>, 'apiVersion' | 'plural'>, { namespace, name }: Partial<ObjectKey>): string {
  const root = kind.apiVersion.includes('/') ? `/apis/${kind.apiVersion}` : `/api/${kind.apiVersion}`;
  const place = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}${place}/${kind.plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;
}
