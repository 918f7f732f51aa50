export * from './gen/q2/monitoring/v1/series_pb.js';
export * from './gen/q2/monitoring/v1/metrics_pb.js';
export * from './gen/q2/monitoring/v1/monitors_pb.js';
export * from './gen/q2/monitoring/v1/alerts_pb.js';
export * from './monitoring-names.js';
