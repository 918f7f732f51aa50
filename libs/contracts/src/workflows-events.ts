export * from './gen/q2/workflows/events/v1/events_pb.js';
