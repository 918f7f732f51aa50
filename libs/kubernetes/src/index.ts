export { Cluster, type Deletion, type LogLine, type LogQuery, type Selection } from './cluster.js';
export type { ConnectionOptions } from './connection.js';
export { ApplyConflict, type FieldConflict } from './failure.js';
export { clusterEvents, jobs, kindOf, namespaces, pods, type ClusterEvent, type Job, type Kind, type ObjectKey, type Pod } from './kind.js';
export { type Change, ResourceWatch, type WatchOptions } from './resource-watch.js';
export type { AnyObject, Wire } from './wire.js';
