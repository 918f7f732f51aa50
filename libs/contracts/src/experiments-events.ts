export * from './gen/q2/experiments/events/v1/events_pb.js';
