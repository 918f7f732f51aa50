export * from './gen/q2/workflows/v1/conditions_pb.js';
export * from './gen/q2/workflows/v1/definition_pb.js';
export * from './gen/q2/workflows/v1/workflow_service_pb.js';
export * from './gen/q2/workflows/v1/execution_service_pb.js';
export * from './gen/q2/workflows/v1/worker_service_pb.js';
export * from './workflows-names.js';
