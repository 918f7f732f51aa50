export * from './gen/q2/schedules/events/v1/events_pb.js';
