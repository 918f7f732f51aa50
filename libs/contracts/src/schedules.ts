export * from './gen/q2/schedules/v1/trigger_pb.js';
export * from './gen/q2/schedules/v1/trigger_service_pb.js';
export * from './gen/q2/schedules/v1/event_service_pb.js';
export * from './schedules-names.js';
