export * from './gen/q2/models/v1/resources_pb.js';
export * from './gen/q2/models/v1/model_service_pb.js';
export * from './gen/q2/models/v1/artifact_service_pb.js';
export * from './gen/q2/models/v1/serving_service_pb.js';
export * from './models-names.js';
