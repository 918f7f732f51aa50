export type { ClusterMode } from './cluster-source.js';
export { describeWithCluster, describeWithOwnCluster } from './describe-with-cluster.js';
export { startTestCluster, type TestCluster, type TestClusterOptions } from './test-cluster.js';
