// What every service publishes beside its own facts: audited calls and metered use.
export * from './gen/q2/audit/events/v1/events_pb.js';
export * from './gen/q2/usage/events/v1/events_pb.js';
