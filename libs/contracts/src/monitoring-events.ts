export * from './gen/q2/monitoring/events/v1/events_pb.js';
