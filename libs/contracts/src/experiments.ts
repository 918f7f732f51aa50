export * from './gen/q2/experiments/v1/experiment_pb.js';
export * from './gen/q2/experiments/v1/experiment_service_pb.js';
export * from './gen/q2/experiments/v1/assignment_service_pb.js';
export * from './gen/q2/experiments/v1/outcome_service_pb.js';
export * from './gen/q2/experiments/v1/analysis_service_pb.js';
export * from './experiments-names.js';
