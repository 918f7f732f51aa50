export * from './gen/q2/tenants/events/v1/events_pb.js';
