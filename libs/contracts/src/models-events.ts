export * from './gen/q2/models/events/v1/events_pb.js';
